//! All Sessions, the routing of messages, retained messages, and Wills.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use mqtt_wire::will::{Ending, WillFate, WillTerms};
use mqtt_wire::{
    ConnAck, Connect, Delivery, Packet, PacketBuf, QoS, ReasonCode, RetainHandling, Subscription,
    SubscriptionId, TopicFilter,
};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use super::message::{Message, Queued};
use super::session::{Session, Subscribed};

/// The most subscriptions of one client.
const MAX_SUBSCRIPTIONS: usize = 1000;

/// The state that all connections share.
#[derive(Debug)]
pub struct Broker {
    state: Mutex<State>,
    log: fn(String),
}

#[derive(Debug)]
struct State {
    clients: HashMap<Arc<str>, Client>,
    /// The key is the topic name.
    retained: BTreeMap<String, Arc<Message>>,
    connections: u64,
}

/// A client that is connected, or has a Session that outlives its connection.
#[derive(Debug)]
struct Client {
    session: Session,
    expiry_interval: u32,
    will: Option<KeptWill>,
    /// The number of its current or last connection.
    connection: u64,
    presence: Presence,
}

#[derive(Debug)]
enum Presence {
    /// Wakes its connection when there is something to send.
    Connected(Arc<Notify>),
    /// The task that ends its Session and publishes its Will.
    Away(Option<AbortHandle>),
}

/// A Will, which stays in its CONNECT.
#[derive(Debug)]
struct KeptWill {
    connect: PacketBuf,
    terms: WillTerms,
}

/// The handle of a connection to its client.
#[derive(Debug, Clone)]
pub struct Link {
    pub client_id: Arc<str>,
    connection: u64,
    /// Notified when there may be something to send, or another connection takes over.
    pub wake: Arc<Notify>,
}

impl Broker {
    /// A broker without clients. It passes a line for each event to `log`.
    pub fn new(log: fn(String)) -> Self {
        let state = State {
            clients: HashMap::new(),
            retained: BTreeMap::new(),
            connections: 0,
        };
        Self {
            state: Mutex::new(state),
            log,
        }
    }

    pub fn log(&self, line: String) {
        (self.log)(line);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("nothing panics while it holds the state")
    }

    /// Accepts a client and closes its other connection. The second value is Session Present.
    pub fn connect(&self, connect: &Connect<'_>, owned: &PacketBuf) -> (Link, bool) {
        let mut state = self.state();
        state.connections += 1;
        let connection = state.connections;
        let client_id: Arc<str> = match connect.client_id.as_str() {
            "" => format!("assigned-{connection}").into(),
            client_id => client_id.into(),
        };
        self.end_previous(&mut state, &client_id, connect.clean_start);

        let wake = Arc::new(Notify::new());
        let connack = ConnAck::new(ReasonCode::Success);
        let will = WillTerms::new(connect, &connack).map(|terms| {
            let connect = owned.clone();
            KeptWill { connect, terms }
        });
        let session_present = state.clients.contains_key(&client_id);
        let client = state
            .clients
            .entry(client_id.clone())
            .or_insert_with(Client::new);
        client.session.resume(connect.receive_maximum().get());
        client.expiry_interval = connect.session_expiry_interval();
        client.will = will;
        client.connection = connection;
        client.presence = Presence::Connected(wake.clone());
        let link = Link {
            client_id,
            connection,
            wake,
        };
        (link, session_present)
    }

    /// Ends the rest of the client's last connection, and the Session if it ends with the connection.
    fn end_previous(&self, state: &mut State, client_id: &Arc<str>, clean_start: bool) {
        let Some(client) = state.clients.get_mut(client_id) else {
            return;
        };
        let mut session_ends = clean_start;
        match std::mem::replace(&mut client.presence, Presence::Away(None)) {
            Presence::Connected(wake) => {
                wake.notify_one();
                session_ends |= client.expiry_interval == 0;
            }
            Presence::Away(timer) => timer.iter().for_each(AbortHandle::abort),
        }
        let will = client.will.take();
        if let Some(will) = will {
            if will.terms.fate(Ending::TakenOver { clean_start }) == WillFate::Publish {
                self.publish_will(state, client_id, &will);
            }
        }
        if session_ends {
            state.clients.remove(client_id);
        }
    }

    /// Handles the end of a connection.
    pub fn disconnect(self: &Arc<Self>, link: &Link, ending: Ending) {
        let mut state = self.state();
        let Some(client) = state.client(link) else {
            return; // another connection has taken over
        };
        if let Ending::Disconnect {
            session_expiry_interval: Some(seconds),
            ..
        } = ending
        {
            client.expiry_interval = seconds;
        }
        let expiry_interval = client.expiry_interval;
        let fate = client
            .will
            .as_ref()
            .map_or(WillFate::Discard, |will| will.terms.fate(ending));
        client.presence = Presence::Away(None);
        let will_delay = match fate {
            WillFate::PublishAfter { delay, terms } => {
                if let Some(will) = &mut client.will {
                    will.terms = terms;
                }
                Some(delay)
            }
            WillFate::Publish => {
                self.publish_waiting_will(&mut state, link);
                None
            }
            WillFate::Discard => {
                client.will = None;
                None
            }
        };
        if expiry_interval == 0 {
            state.clients.remove(&link.client_id);
            return;
        }
        let timer = tokio::spawn(self.clone().wait(link.clone(), will_delay, expiry_interval));
        if let Some(client) = state.clients.get_mut(&link.client_id) {
            client.presence = Presence::Away(Some(timer.abort_handle()));
        }
    }

    /// Publishes the Will of a client and ends its Session when they are due.
    async fn wait(self: Arc<Self>, link: Link, will_delay: Option<Duration>, expiry_interval: u32) {
        let now = Instant::now();
        if let Some(delay) = will_delay {
            sleep_until(now + delay).await;
            self.publish_waiting_will(&mut self.state(), &link);
        }
        if expiry_interval != u32::MAX {
            sleep_until(now + Duration::from_secs(expiry_interval.into())).await;
            let mut state = self.state();
            if state.is_away(&link) {
                state.clients.remove(&link.client_id);
            }
        }
    }

    fn publish_waiting_will(&self, state: &mut State, link: &Link) {
        if !state.is_away(link) {
            return;
        }
        let client = state.clients.get_mut(&link.client_id);
        if let Some(will) = client.and_then(|client| client.will.take()) {
            self.publish_will(state, &link.client_id, &will);
        }
    }

    fn publish_will(&self, state: &mut State, client_id: &Arc<str>, kept: &KeptWill) {
        let Packet::Connect(Connect {
            will: Some(will), ..
        }) = kept.connect.packet()
        else {
            return; // never: a kept CONNECT has a Will
        };
        self.log(format!(
            "published the Will of {client_id:?} on {}",
            will.topic
        ));
        let publish = will.to_publish(Delivery::AtMostOnce);
        match Message::new(will.topic, publish, will.qos, client_id.clone()) {
            Ok(message) => state.route(message),
            Err(error) => unreachable!("every Will can be published: {error}"),
        };
    }

    /// Passes a message to all its subscribers. Returns whether there are any.
    pub fn publish(&self, message: Message) -> bool {
        self.state().route(message)
    }

    /// Calls a function with the Session of a connection; `None` if another connection has taken over.
    pub fn with_session<T>(&self, link: &Link, act: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let mut state = self.state();
        state.client(link).map(|client| act(&mut client.session))
    }

    /// Subscribes, and queues the retained messages; `None` if another connection has taken over.
    pub fn subscribe(
        &self,
        link: &Link,
        subscription: Subscription<'_>,
        id: Option<SubscriptionId>,
    ) -> Option<ReasonCode> {
        let mut state = self.state();
        let session = &mut state.client(link)?.session;
        let Subscription { filter, options } = subscription;
        if filter.shared().is_some() {
            return Some(ReasonCode::SharedSubscriptionsNotSupported);
        }
        let is_new = !session.subscriptions.contains_key(filter.as_str());
        if is_new && session.subscriptions.len() >= MAX_SUBSCRIPTIONS {
            return Some(ReasonCode::QuotaExceeded);
        }
        let subscribed = Subscribed { options, id };
        session
            .subscriptions
            .insert(filter.as_str().into(), subscribed);

        let wants_retained = match options.retain_handling {
            RetainHandling::AtSubscribe => true,
            RetainHandling::AtNewSubscribe => is_new,
            RetainHandling::Never => false,
        };
        if wants_retained {
            state.queue_retained(link, filter, subscribed);
        }
        Some(match options.qos {
            QoS::AtMostOnce => ReasonCode::GRANTED_QOS_0,
            QoS::AtLeastOnce => ReasonCode::GrantedQos1,
            QoS::ExactlyOnce => ReasonCode::GrantedQos2,
        })
    }
}

impl State {
    /// The client of a connection, unless another one has taken over.
    fn client(&mut self, link: &Link) -> Option<&mut Client> {
        let client = self.clients.get_mut(&link.client_id)?;
        (client.connection == link.connection).then_some(client)
    }

    /// Whether this is still the client's last connection.
    fn is_away(&mut self, link: &Link) -> bool {
        let client = self.client(link);
        client.is_some_and(|client| matches!(client.presence, Presence::Away(_)))
    }

    fn route(&mut self, message: Message) -> bool {
        let message = Arc::new(message);
        let topic = message.topic();
        if message.retain && message.is_empty {
            self.retained.remove(topic.as_str());
        } else if message.retain {
            self.retained.insert(topic.as_str().into(), message.clone());
        }
        let mut matched = false;
        for (client_id, client) in &mut self.clients {
            if let Some(outgoing) = client.session.copy_for(client_id, &message, topic) {
                matched = true;
                client.push(outgoing);
            }
        }
        matched
    }

    fn queue_retained(&mut self, link: &Link, filter: TopicFilter<'_>, subscribed: Subscribed) {
        let Some(client) = self.clients.get_mut(&link.client_id) else {
            return;
        };
        self.retained.retain(|_, message| !message.has_expired());
        for message in self.retained.values() {
            let is_own = subscribed.options.no_local && message.publisher == link.client_id;
            if filter.matches(message.topic()) && !is_own {
                client.push(Queued {
                    message: message.clone(),
                    qos: message.qos.min(subscribed.options.qos),
                    retain: true,
                    subscription_ids: subscribed.id.into_iter().collect(),
                });
            }
        }
    }
}

impl Client {
    fn new() -> Self {
        Self {
            session: Session::new(),
            expiry_interval: 0,
            will: None,
            connection: 0,
            presence: Presence::Away(None),
        }
    }

    /// Queues a message. For a client that is not connected, only if its QoS is not 0.
    fn push(&mut self, outgoing: Queued) {
        match &self.presence {
            Presence::Connected(wake) => wake.notify_one(),
            Presence::Away(_) if outgoing.qos == QoS::AtMostOnce => return,
            Presence::Away(_) => {}
        }
        self.session.push(outgoing);
    }
}
