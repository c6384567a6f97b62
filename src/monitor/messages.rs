//! The exchanges of a connection: PUBLISH, SUBSCRIBE, UNSUBSCRIBE and their answers.

use core::num::NonZeroU16;

use super::exchange::{Answer, Opening, Stage};
use super::{BreachKind, Monitor};
use crate::data::PacketId;
use crate::dialect::{Sender, Version};
use crate::packet::{Ack, Delivery, Packet, Publish, SubAck, Subscribe};
use crate::property_id::PropertyId;

impl Monitor<'_> {
    pub(super) fn publish(
        &mut self,
        sender: Sender,
        publish: &Publish<'_>,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        use BreachKind as K;
        if sender == Sender::Client {
            if publish.delivery.qos() > self.service.maximum_qos {
                breach(K::QosNotSupported);
            }
            if publish.retain && !self.service.retain {
                breach(K::RetainNotSupported);
            }
        }
        if let Some(alias) = publish.topic_alias() {
            self.topic_alias(sender, alias, publish.topic_name.is_none(), breach);
        }
        let (packet_id, dup, stage) = match publish.delivery {
            Delivery::AtMostOnce => return,
            Delivery::AtLeastOnce { packet_id, dup } => (packet_id, dup, Stage::PubAck),
            Delivery::ExactlyOnce { packet_id, dup } => (packet_id, dup, Stage::PubRec),
        };
        let broken = match self.exchanges.stage(sender, packet_id) {
            None => return self.open_message(sender, packet_id, dup, stage, breach),
            // its sender may not have received the PUBREC yet
            Some(open)
                if dup && (open == stage || (open, stage) == (Stage::PubRel, Stage::PubRec)) =>
            {
                self.is_v5().then_some(K::Resent)
            }
            Some(_) if self.exchanges.may_be_over(sender, packet_id) => {
                return self.open_message(sender, packet_id, dup, stage, breach);
            }
            Some(Stage::PubComp { .. }) if dup && stage == Stage::PubRec => {
                Some(K::PublishAfterPubRel)
            }
            Some(_) if stage == Stage::PubRec => Some(K::QoS2PacketIdInUse),
            Some(_) => Some(K::PacketIdInUse),
        };
        if let Some(kind) = broken {
            breach(kind);
        }
        self.exchanges.permit(sender, packet_id, stage.answer());
    }

    fn open_message(
        &mut self,
        sender: Sender,
        packet_id: PacketId,
        dup: bool,
        stage: Stage,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        let how = self.opening(sender, packet_id, stage.answer(), dup);
        self.exchanges.open(sender, packet_id, stage, how);
        let maximum = self.side(sender.other()).receive_maximum;
        if self.exchanges.exceeds_quota(sender, maximum) {
            breach(BreachKind::ReceiveMaximumExceeded);
        }
    }

    fn topic_alias(
        &mut self,
        sender: Sender,
        alias: NonZeroU16,
        has_no_topic: bool,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        // the receiver may have announced a maximum in a packet that was not seen
        let is_unknown = self.joined || sender == Sender::Server && self.request.is_none();
        let maximum = match self.side(sender.other()).topic_alias_maximum {
            _ if is_unknown => u16::MAX,
            0 => return breach(BreachKind::TopicAliasNotSupported),
            maximum => maximum,
        };
        if alias.get() > maximum {
            return breach(BreachKind::TopicAliasTooLarge);
        }
        let aliases = &mut self.side_mut(sender).aliases;
        if !has_no_topic {
            aliases.set(alias);
        } else if !is_unknown && aliases.lacks(alias) {
            breach(BreachKind::TopicAliasUnknown);
        }
    }

    pub(super) fn puback(
        &mut self,
        sender: Sender,
        ack: &Ack<'_>,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        let (owner, id) = (sender.other(), ack.packet_id);
        match self.exchanges.stage(owner, id) {
            Some(Stage::PubAck) => {
                self.check_turn(sender, owner, id, breach);
                self.exchanges.proceed(owner, id, None);
            }
            _ if self.exchanges.take(owner, id, Answer::PubAck) => {}
            // a late answer to a copy of an earlier message, which was not seen
            Some(Stage::PubRec) if !self.is_v5() && self.is_partly_unseen() => {}
            Some(Stage::PubRec) if !self.may_be_late(sender) => {
                breach(BreachKind::WrongAcknowledgement);
            }
            _ => self.nothing_to_acknowledge(sender, id, Answer::PubAck, breach),
        }
    }

    pub(super) fn pubrec(
        &mut self,
        sender: Sender,
        ack: &Ack<'_>,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        let (owner, id) = (sender.other(), ack.packet_id);
        let failed = ack.reason_code.is_failure();
        match self.exchanges.stage(owner, id) {
            Some(Stage::PubRec) => {
                self.check_turn(sender, owner, id, breach);
                let stage = (!failed).then_some(Stage::PubRel);
                return self.exchanges.proceed(owner, id, stage);
            }
            _ if self.exchanges.take(owner, id, Answer::PubRec) => {}
            Some(Stage::PubAck) if !self.may_be_late(sender) => {
                breach(BreachKind::WrongAcknowledgement);
            }
            _ => self.nothing_to_acknowledge(sender, id, Answer::PubRec, breach),
        }
        if !failed {
            self.exchanges.permit(owner, id, Answer::PubRel);
        }
    }

    pub(super) fn pubrel(
        &mut self,
        sender: Sender,
        ack: &Ack<'_>,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        let id = ack.packet_id;
        let stage = self.exchanges.stage(sender, id);
        if stage == Some(Stage::PubRel) {
            self.check_turn(sender, sender, id, breach);
            let next = Stage::PubComp { old: false };
            return self.exchanges.proceed(sender, id, Some(next));
        }
        let is_permitted = self.exchanges.take(sender, id, Answer::PubRel);
        match stage {
            _ if is_permitted => {}
            Some(Stage::PubComp { .. }) => {
                // it may answer a second PUBREC that was not seen
                if self.is_v5() && !self.is_partly_unseen() {
                    breach(BreachKind::Resent);
                }
            }
            // a PUBREL may cross its PUBCOMP
            None if self.may_cross(sender, id, Answer::PubComp) => {}
            None if self.is_resumed(sender) => {
                // it may answer a PUBREC that came out of nothing and was not seen
                let stage = Stage::PubComp { old: true };
                let answer = stage.answer();
                let repeats = self.is_partly_unseen();
                let how = self.opening(sender, id, answer, repeats);
                return self.exchanges.open(sender, id, stage, how);
            }
            // "not found": the answer to a PUBREC that came out of nothing
            None if ack.reason_code.is_failure() => {}
            // its sender may have taken a PUBREC out of nothing for its own, and repeats
            Some(Stage::PubRec) if self.may_follow_surplus(sender, id) => {}
            _ => self.nothing_to_answer(breach),
        }
        self.exchanges.permit(sender, id, Answer::PubComp);
    }

    pub(super) fn pubcomp(
        &mut self,
        sender: Sender,
        ack: &Ack<'_>,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        let (owner, id) = (sender.other(), ack.packet_id);
        match self.exchanges.stage(owner, id) {
            Some(Stage::PubComp { .. }) => self.exchanges.proceed(owner, id, None),
            _ if self.exchanges.take(owner, id, Answer::PubComp) => {}
            // "not found": the answer to a PUBREL that came out of nothing
            None if ack.reason_code.is_failure() => {
                self.exchanges.add_surplus(owner, id, Answer::PubComp);
            }
            _ => self.nothing_to_acknowledge(sender, id, Answer::PubComp, breach),
        }
    }

    /// A Client answers in the order of the messages (4.6); a Server may not. Before 5.0 an answer to
    /// a copy that was not seen may come at any time, and in every version a PUBREL that answers a
    /// PUBREC out of nothing. In a resumed Session an acknowledgement may be for a message of an earlier
    /// connection.
    fn check_turn(
        &self,
        sender: Sender,
        owner: Sender,
        packet_id: PacketId,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        let ordered = sender == Sender::Client && self.version != Version::V3_1;
        let is_known = !self.is_partly_unseen() || self.is_v5() && sender != owner;
        let is_late = sender != owner && self.may_be_late(sender);
        if ordered && is_known && !is_late && self.exchanges.is_overtaken(owner, packet_id) {
            breach(BreachKind::OutOfOrder);
        }
    }

    /// An acknowledgement of a message that is not open. In a resumed Session the message may have
    /// been sent on an earlier connection.
    fn nothing_to_acknowledge(
        &mut self,
        sender: Sender,
        packet_id: PacketId,
        answer: Answer,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        self.exchanges
            .add_surplus(sender.other(), packet_id, answer);
        if !self.is_resumed(sender) {
            self.nothing_to_answer(breach);
        }
    }

    /// Whether an acknowledgement may be for a message of an earlier connection with this identifier. A
    /// monitor that joined cannot know that the Session is a new one.
    fn may_be_late(&self, sender: Sender) -> bool {
        self.is_resumed(sender) || self.joined
    }

    /// Whether this side may continue exchanges of an earlier connection. A Client that asks for its
    /// Session may do so before it knows that the Server has none.
    fn is_resumed(&self, sender: Sender) -> bool {
        let is_asked = self.request.as_ref().is_some_and(|it| !it.clean_start);
        self.resumed || sender == Sender::Client && is_asked
    }

    fn nothing_to_answer(&self, breach: &mut dyn FnMut(BreachKind)) {
        if !self.is_partly_unseen() {
            breach(BreachKind::NothingToAcknowledge);
        }
    }

    /// How a packet opens an exchange that such an answer ends or continues, if it looks like a
    /// repetition or not.
    fn opening(&self, owner: Sender, id: PacketId, answer: Answer, repeats: bool) -> Opening {
        match repeats {
            true if self.is_partly_unseen() => Opening::Unseen,
            true if self.may_cross(owner, id, answer) => Opening::MayRepeat,
            // the answer to an earlier exchange may be taken for the answer to this one
            _ if self.joined || self.exchanges.has_surplus(owner, id, answer) => Opening::MayRepeat,
            _ => Opening::New,
        }
    }

    /// Whether a packet with a free identifier may repeat one, and have crossed its answer: before
    /// 5.0, if such an answer has passed.
    fn may_cross(&self, owner: Sender, packet_id: PacketId, answer: Answer) -> bool {
        let is_answered = self.exchanges.may_be_finished(owner, packet_id, answer);
        !self.is_v5() && (is_answered || self.is_partly_unseen())
    }

    /// Whether a PUBREL may be repeated although its message awaits PUBREC.
    fn may_follow_surplus(&self, owner: Sender, packet_id: PacketId) -> bool {
        let has_surplus = self.exchanges.has_surplus(owner, packet_id, Answer::PubRec);
        !self.is_v5() && has_surplus
    }

    /// Whether there may be exchanges that the monitor does not know.
    fn is_partly_unseen(&self) -> bool {
        self.joined || self.exchanges.incomplete
    }

    pub(super) fn subscribe(
        &mut self,
        subscribe: &Subscribe<'_>,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        use BreachKind as K;
        let id = PropertyId::SubscriptionIdentifier;
        if !self.service.subscription_ids && subscribe.properties.get(id).is_some() {
            breach(K::SubscriptionIdNotSupported);
        }
        let mut filters = subscribe.subscriptions.iter().map(|it| it.filter);
        if !self.service.wildcards && filters.clone().any(|filter| filter.has_wildcard()) {
            breach(K::WildcardNotSupported);
        }
        if !self.service.shared && filters.any(|filter| filter.shared().is_some()) {
            breach(K::SharedNotSupported);
        }
        let filters = subscribe.subscriptions.len();
        self.request(subscribe.packet_id, Stage::SubAck { filters }, breach);
    }

    /// A SUBSCRIBE or UNSUBSCRIBE, which only 3.1 repeats within a connection.
    pub(super) fn request(
        &mut self,
        packet_id: PacketId,
        stage: Stage,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        let client = Sender::Client;
        let repeats = self.version == Version::V3_1;
        let is_over = self.exchanges.may_be_over(client, packet_id);
        match self.exchanges.stage(client, packet_id) {
            Some(open) if open == stage && repeats => {}
            Some(_) if !is_over => breach(BreachKind::PacketIdInUse),
            _ => {
                let how = self.opening(client, packet_id, stage.answer(), repeats);
                return self.exchanges.open(client, packet_id, stage, how);
            }
        }
        self.exchanges.permit_request(packet_id, stage);
    }

    /// SUBACK or UNSUBACK.
    pub(super) fn reply(
        &mut self,
        answer: Answer,
        suback: &SubAck<'_>,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        let (client, id) = (Sender::Client, suback.packet_id);
        let filters = self.exchanges.filters(id, answer);
        let is_open = |stage: Stage| stage.answer() == answer;
        if self.exchanges.stage(client, id).is_some_and(is_open) {
            self.exchanges.proceed(client, id, None);
        } else if !self.exchanges.take(client, id, answer) {
            return self.nothing_to_answer(breach);
        }
        let has_codes = answer == Answer::SubAck || self.is_v5();
        if has_codes && filters.is_some_and(|filters| filters != suback.reason_codes.len()) {
            breach(BreachKind::CodeCount);
        }
    }

    /// A packet that comes out of place changes nothing, but the other side may answer it.
    pub(super) fn permit_answer(&mut self, sender: Sender, packet: &Packet<'_>) {
        let (answer, owner) = match packet {
            Packet::Publish(publish) => match publish.delivery {
                Delivery::AtMostOnce => return,
                Delivery::AtLeastOnce { .. } => (Answer::PubAck, sender),
                Delivery::ExactlyOnce { .. } => (Answer::PubRec, sender),
            },
            Packet::PubRec(ack) if !ack.reason_code.is_failure() => {
                (Answer::PubRel, sender.other())
            }
            Packet::PubRel(_) => (Answer::PubComp, sender),
            Packet::Subscribe(subscribe) => {
                let filters = subscribe.subscriptions.len();
                let stage = Stage::SubAck { filters };
                return self.exchanges.permit_request(subscribe.packet_id, stage);
            }
            Packet::Unsubscribe(unsubscribe) => {
                let filters = unsubscribe.topic_filters.len();
                let stage = Stage::UnsubAck { filters };
                return self.exchanges.permit_request(unsubscribe.packet_id, stage);
            }
            _ => return,
        };
        if let Some(packet_id) = packet.packet_id() {
            self.exchanges.permit(owner, packet_id, answer);
        }
    }
}
