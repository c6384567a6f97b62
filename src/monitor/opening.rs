//! The beginning and the end of a connection: CONNECT, CONNACK, AUTH and DISCONNECT.

use super::session::{Authentication, ClientId, Method, Request, Service};
use super::{BreachKind, Monitor, Phase};
use crate::dialect::{Sender, Version};
use crate::packet::{Auth, ConnAck, Connect, Disconnect};
use crate::property_id::PropertyId;
use crate::reason_code::ReasonCode;

impl Monitor<'_> {
    pub(super) fn connect(&mut self, connect: &Connect<'_>) {
        if self.phase == Phase::Waiting {
            self.resumed = !connect.clean_start;
        }
        self.client.announce(&connect.properties);
        self.request = Some(Request::of(connect));
    }

    pub(super) fn connack(&mut self, connack: &ConnAck<'_>, breach: &mut dyn FnMut(BreachKind)) {
        if let Some(request) = &self.request {
            self.check_reply(request, connack, breach);
        }
        if connack.reason_code != ReasonCode::Success {
            self.phase = Phase::Refused;
            return;
        }
        // 3.1 has no Session Present, so there the request decides
        self.resumed = match self.version {
            Version::V3_1 => self.resumed || self.request.is_none(),
            Version::V3_1_1 | Version::V5 => connack.session_present || self.joined,
        };
        self.phase = Phase::Accepted;
        if self.authentication == Authentication::AnsweredBy(Sender::Server) {
            self.authentication = Authentication::None;
        }
        self.server.announce(&connack.properties);
        self.service = Service::of(connack);
    }

    /// Checks a CONNACK against the CONNECT that it answers.
    fn check_reply(
        &self,
        request: &Request,
        connack: &ConnAck<'_>,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        use BreachKind as K;
        let accepted = connack.reason_code == ReasonCode::Success;
        let has = |id| connack.properties.get(id).is_some();
        if has(PropertyId::ResponseInformation) && !request.response_information {
            breach(K::ResponseInformationNotRequested);
        }
        match (request.client_id, connack.reason_code, self.version) {
            (
                ClientId::Simple,
                ReasonCode::ClientIdentifierNotValid,
                Version::V3_1_1 | Version::V5,
            ) => breach(K::SimpleClientIdRefused),
            (ClientId::Empty, code, Version::V3_1_1)
                if !request.clean_start && code != ReasonCode::ClientIdentifierNotValid =>
            {
                breach(K::EmptyClientIdAccepted);
            }
            (ClientId::Empty, ReasonCode::Success, Version::V5)
                if !has(PropertyId::AssignedClientIdentifier) =>
            {
                breach(K::NoClientIdAssigned);
            }
            _ => {}
        }
        match (request.method, Method::of(&connack.properties)) {
            (None, Some(_)) => breach(K::AuthenticationNotRequested),
            // a refusal need not repeat the method
            (Some(requested), method) if accepted && method != Some(requested) => {
                breach(K::AuthenticationMethodChanged);
            }
            _ => {}
        }
        if !accepted {
            return;
        }
        if connack.session_present && request.clean_start && self.version != Version::V3_1 {
            breach(K::SessionPresentAfterCleanStart);
        }
        if let Some((qos, retain)) = request.will {
            if qos > connack.maximum_qos() {
                breach(K::WillQosNotSupported);
            }
            if retain && !connack.retain_available() {
                breach(K::WillRetainNotSupported);
            }
        }
    }

    pub(super) fn disconnect(
        &mut self,
        sender: Sender,
        disconnect: &Disconnect<'_>,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        let requested = self.request.as_ref().map(|it| it.session_expiry_interval);
        if let (Some(0), Some(1..)) = (requested, disconnect.session_expiry_interval()) {
            breach(BreachKind::SessionExpiryRaised);
        }
        let side = self.side_mut(sender);
        side.has_left = true;
        side.has_failed = disconnect.reason_code.is_failure();
    }

    pub(super) fn auth(
        &mut self,
        sender: Sender,
        auth: &Auth<'_>,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        use BreachKind as K;
        let Some(request) = &self.request else {
            return;
        };
        let Some(method) = request.method else {
            return breach(K::AuthenticationNotRequested);
        };
        if Method::of(&auth.properties) != Some(method) {
            breach(match auth.reason_code {
                ReasonCode::ReAuthenticate => K::ReAuthenticationMethodChanged,
                _ => K::AuthenticationMethodChanged,
            });
        }
        if self.phase != Phase::Accepted {
            let is_step = auth.reason_code == ReasonCode::ContinueAuthentication;
            if !is_step {
                breach(K::AuthenticationStep);
            }
            let is_in_turn = match self.authentication {
                Authentication::None => sender == Sender::Server,
                turn => turn == Authentication::AnsweredBy(sender),
            };
            self.authentication = match is_step && is_in_turn {
                // the answer may cross the CONNACK
                true => Authentication::AnsweredBy(sender.other()),
                // either side may go on with it behind the CONNACK
                false => Authentication::Begun,
            };
            return;
        }
        match auth.reason_code {
            ReasonCode::ReAuthenticate => self.authentication = Authentication::Begun,
            // a monitor that joined may have missed the beginning of the authentication
            _ if !self.joined && !self.authentication.permits(sender) => {
                breach(K::AuthenticationNotBegun);
                // the other side may answer it
                self.authentication = Authentication::AnsweredBy(sender.other());
            }
            // only a Server sends it
            ReasonCode::Success => self.authentication = Authentication::None,
            _ => {}
        }
    }
}
