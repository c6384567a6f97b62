//! The heads of HTTP: the request for a WebSocket, and the response.

/// The longest head that is read.
pub const MAX_HEAD: usize = 1 << 14;

/// The most header fields of a head that is read.
const MAX_FIELDS: usize = 128;

/// The length of a head that is complete.
pub fn head_len(bytes: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    let found = bytes.windows(END.len()).position(|it| it == END);
    found.map(|at| at + END.len())
}

/// A request of HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The path, and the query behind it if there is one.
    pub target: String,
    pub protocols: Vec<Subprotocol>,
    /// The key of the handshake.
    pub key: Option<String>,
    /// It asks for a WebSocket.
    pub is_upgrade: bool,
}

/// A response of HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub reason: String,
    pub protocol: Option<Subprotocol>,
    /// The extensions that the server accepts, with their parameters.
    pub extensions: Vec<String>,
    /// The answer to the key of the handshake.
    pub accept: Option<String>,
    has_upgrade: bool,
}

/// The name of a subprotocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subprotocol(pub String);

impl Subprotocol {
    /// Whether it is the one of MQTT 3.1.1 and 5.0.
    pub fn is_mqtt(&self) -> bool {
        self.0 == "mqtt"
    }
}

impl Request {
    /// Reads a head that is complete.
    pub fn parse(head: &[u8]) -> Option<Self> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        let httparse::Status::Complete(_) = request.parse(head).ok()? else {
            return None;
        };
        let fields = Fields(request.headers);
        Some(Self {
            target: request.path?.to_owned(),
            protocols: fields.protocols(),
            key: fields.items("Sec-WebSocket-Key").next(),
            is_upgrade: request.method == Some("GET") && fields.has_upgrade(),
        })
    }
}

impl Response {
    /// Reads a head that is complete.
    pub fn parse(head: &[u8]) -> Option<Self> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(_) = response.parse(head).ok()? else {
            return None;
        };
        let fields = Fields(response.headers);
        Some(Self {
            status: response.code?,
            reason: response.reason.unwrap_or_default().to_owned(),
            protocol: fields.protocols().into_iter().next(),
            extensions: fields.items("Sec-WebSocket-Extensions").collect(),
            accept: fields.items("Sec-WebSocket-Accept").next(),
            has_upgrade: fields.has_upgrade(),
        })
    }

    /// The server accepts the WebSocket.
    pub fn is_upgrade(&self) -> bool {
        self.status == 101 && self.has_upgrade
    }

    /// The messages may be compressed.
    pub fn is_deflated(&self) -> bool {
        let names = self.extensions.iter().map(|it| it.split(';').next());
        let is_deflate =
            |name: Option<&str>| name.is_some_and(|it| it.trim() == "permessage-deflate");
        names.into_iter().any(is_deflate)
    }
}

/// The header fields of a head.
struct Fields<'a>(&'a [httparse::Header<'a>]);

impl Fields<'_> {
    /// The items of a list, which may be in several fields.
    fn items(&self, name: &str) -> impl Iterator<Item = String> {
        let fields = self
            .0
            .iter()
            .filter(|it| it.name.eq_ignore_ascii_case(name));
        let values = fields.map(|it| String::from_utf8_lossy(it.value).into_owned());
        let items = values.flat_map(|value| {
            let items = value.split(',').map(|it| it.trim().to_owned());
            items.filter(|it| !it.is_empty()).collect::<Vec<_>>()
        });
        items.collect::<Vec<_>>().into_iter()
    }

    fn protocols(&self) -> Vec<Subprotocol> {
        self.items("Sec-WebSocket-Protocol")
            .map(Subprotocol)
            .collect()
    }

    fn has_upgrade(&self) -> bool {
        let mut upgrades = self.items("Upgrade");
        upgrades.any(|it| it.eq_ignore_ascii_case("websocket"))
    }
}
