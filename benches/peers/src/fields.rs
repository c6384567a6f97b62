//! One vocabulary for the fields of a packet. The workload reports what it wrote, every codec
//! reports what it read.

/// The meaning of a value. [`Field::Kind`] begins a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    Kind,
    Id,
    Dup,
    Qos,
    Retain,
    Topic,
    Payload,
    Clean,
    KeepAlive,
    Client,
    WillQos,
    WillRetain,
    WillTopic,
    WillPayload,
    WillDelay,
    User,
    Password,
    SessionExpiry,
    ReceiveMaximum,
    TopicAlias,
    MessageExpiry,
    ContentType,
    PropertyName,
    PropertyValue,
    Filter,
    Options,
    SessionPresent,
    Code,
}

impl Field {
    fn is_text(self) -> bool {
        use Field::*;
        matches!(
            self,
            Topic | Client | WillTopic | User | ContentType | PropertyName | PropertyValue | Filter
        )
    }
}

/// A receiver of fields. Within a packet the order of different fields is free.
pub trait Fields: Sized {
    /// Whether the values are used. If they are not, a codec whose getters clone reports nothing,
    /// because cloning is no part of decoding.
    const EXACT: bool;

    fn number(&mut self, field: Field, value: u32);
    fn bytes(&mut self, field: Field, value: impl AsRef<[u8]>);

    #[inline(always)]
    fn kind(&mut self, kind: u8) {
        self.number(Field::Kind, kind.into());
    }

    #[inline(always)]
    fn optional(&mut self, field: Field, value: Option<impl Into<u32>>) {
        if let Some(value) = value {
            self.number(field, value.into());
        }
    }

    #[inline(always)]
    fn connect(&mut self, clean: bool, keep_alive: u16, client: impl AsRef<[u8]>) {
        self.kind(1);
        self.number(Field::Clean, clean.into());
        self.number(Field::KeepAlive, keep_alive.into());
        self.bytes(Field::Client, client);
    }

    #[inline(always)]
    fn will(&mut self, qos: u8, retain: bool, topic: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) {
        self.number(Field::WillQos, qos.into());
        self.number(Field::WillRetain, retain.into());
        self.bytes(Field::WillTopic, topic);
        self.bytes(Field::WillPayload, payload);
    }

    #[inline(always)]
    fn login(&mut self, user: Option<impl AsRef<[u8]>>, password: Option<impl AsRef<[u8]>>) {
        if let Some(user) = user {
            self.bytes(Field::User, user);
        }
        if let Some(password) = password {
            self.bytes(Field::Password, password);
        }
    }

    #[inline(always)]
    fn connack(&mut self, session_present: bool, code: u8) {
        self.kind(2);
        self.number(Field::SessionPresent, session_present.into());
        self.code(code);
    }

    #[inline(always)]
    fn publish(
        &mut self,
        (dup, qos, retain): (bool, u8, bool),
        topic: impl AsRef<[u8]>,
        id: Option<u16>,
        payload: impl AsRef<[u8]>,
    ) {
        self.kind(3);
        self.number(Field::Dup, dup.into());
        self.number(Field::Qos, qos.into());
        self.number(Field::Retain, retain.into());
        self.bytes(Field::Topic, topic);
        self.optional(Field::Id, id);
        self.bytes(Field::Payload, payload);
    }

    /// The common beginning of PUBACK (4), SUBSCRIBE (8) and SUBACK (9).
    #[inline(always)]
    fn identified(&mut self, kind: u8, id: u16) {
        self.kind(kind);
        self.number(Field::Id, id.into());
    }

    #[inline(always)]
    fn filter(&mut self, filter: impl AsRef<[u8]>, options: u8) {
        self.bytes(Field::Filter, filter);
        self.number(Field::Options, options.into());
    }

    #[inline(always)]
    fn code(&mut self, code: u8) {
        self.number(Field::Code, code.into());
    }

    #[inline(always)]
    fn user_property(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.bytes(Field::PropertyName, name);
        self.bytes(Field::PropertyValue, value);
    }
}

/// The subscription options byte of 5.0.
pub fn options(qos: u8, no_local: bool, as_published: bool, handling: u8) -> u8 {
    qos | u8::from(no_local) << 2 | u8::from(as_published) << 3 | handling << 4
}

/// The receiver while decoding is timed. It is cheap, and keeps the compiler from removing the
/// reading of a field: a number, or the place and the length of bytes.
#[derive(Default)]
pub struct Sum(u64);

impl Fields for Sum {
    const EXACT: bool = false;

    #[inline(always)]
    fn number(&mut self, _: Field, value: u32) {
        self.0 = self.0.wrapping_add(value.into());
    }

    #[inline(always)]
    fn bytes(&mut self, _: Field, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        let place = value.as_ptr().addr().wrapping_add(value.len());
        self.0 = self.0.wrapping_add(place as u64);
    }
}

/// Every field of every packet, for the check before timing.
#[derive(Default)]
pub struct Log(Vec<Vec<(Field, Vec<u8>)>>);

impl Log {
    /// The first field in which `read` differs from what was written.
    pub fn difference(&self, read: &Log) -> Option<String> {
        let sorted = |log: &Log| -> Vec<_> {
            let mut packets = log.0.clone();
            for packet in &mut packets {
                packet.sort_by_key(|(field, _)| *field);
            }
            packets
        };
        let (written, read) = (sorted(self), sorted(read));
        if written.len() != read.len() {
            return Some(format!("{} packets of {}", read.len(), written.len()));
        }
        let (i, (written, read)) = written
            .iter()
            .zip(&read)
            .enumerate()
            .find(|(_, (w, r))| w != r)?;
        let field = written
            .iter()
            .zip(read)
            .find(|(w, r)| w != r)
            .map(|(w, r)| format!("{:?} became {:?}", w.0, r.0))
            .unwrap_or_else(|| format!("{} fields of {}", read.len(), written.len()));
        Some(format!("packet {i}: {field}"))
    }

    /// The strings of each packet.
    pub fn strings(&self) -> impl Iterator<Item = Vec<&[u8]>> {
        self.0.iter().map(|packet| {
            let texts = packet.iter().filter(|(field, _)| field.is_text());
            texts.map(|(_, value)| &value[..]).collect()
        })
    }

    /// The total length of all strings.
    pub fn text(&self) -> usize {
        self.strings().flatten().map(<[u8]>::len).sum()
    }
}

impl Fields for Log {
    const EXACT: bool = true;

    fn number(&mut self, field: Field, value: u32) {
        if field == Field::Kind {
            self.0.push(Vec::new());
        }
        self.bytes(field, value.to_be_bytes());
    }

    fn bytes(&mut self, field: Field, value: impl AsRef<[u8]>) {
        let packet = self.0.last_mut().expect("fields follow a kind");
        packet.push((field, value.as_ref().to_vec()));
    }
}
