//! Permissions by the registry's policies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use thingstead_core::{ClientId, Decision, Principal, Scope, ThingName};
use thingstead_policy_engine::Protocol;
use thingstead_registry::authority::{Holder, Source, connect_attributes};
use thingstead_registry::{Action as Judged, Authority, AuthorityRequest, Propagated};

use super::{Access, AccessControl, Action, Asking};

/// Judges connections by the policies of their principals.
pub struct Policies {
    source: Arc<dyn Source>,
}

impl Policies {
    /// The policies of a registry.
    pub fn new(source: Arc<dyn Source>) -> Self {
        Self { source }
    }
}

impl AccessControl for Policies {
    fn open(&self, asking: &Asking) -> Box<dyn Access> {
        let mut request =
            AuthorityRequest::new(asking.scope.clone(), asking.principal.clone(), Protocol::Mqtt);
        request.session = asking.session.clone();
        request.client = Some(asking.client.clone());
        request.source_ip = asking.address.map(|address| address.ip());
        request.secure_transport = asking.secure;
        request.domain_name = asking.server_name.clone();
        request.connect_attributes = connect_attributes(asking.persistent, asking.will_topic.is_some());
        request.last_will_topic = asking.will_topic.clone();
        request.documents = asking.documents.clone();
        Box::new(Judge {
            authority: Authority::new(Arc::clone(&self.source), request),
            source: Arc::clone(&self.source),
            scope: asking.scope.clone(),
            principal: asking.principal.clone(),
            client: asking.client.clone(),
            generation: self.source.generation(&asking.scope),
            propagated: None,
        })
    }
}

struct Judge {
    authority: Authority,
    source: Arc<dyn Source>,
    scope: Scope,
    principal: Principal,
    client: ClientId,
    /// Of the registry; what is remembered is good for one.
    generation: Arc<AtomicU64>,
    propagated: Option<(u64, Propagated)>,
}

impl Access for Judge {
    fn permits(&mut self, action: Action, name: &str) -> bool {
        self.authority.permits(judged(action), name)
    }

    fn decide(&mut self, action: Action, name: &str) -> Arc<Decision> {
        self.authority.decide(judged(action), name)
    }

    fn permits_delivery(&mut self, topic: &str, share: Option<&str>) -> bool {
        self.authority.permits_delivery(topic, share)
    }

    fn decide_delivery(&mut self, topic: &str, share: Option<&str>) -> Arc<Decision> {
        self.authority.decide_delivery(topic, share)
    }

    fn thing(&mut self) -> Option<ThingName> {
        self.authority.thing()
    }

    fn propagated(&mut self) -> Propagated {
        let generation = self.generation.load(Ordering::Acquire);
        if let Some((of, propagated)) = &self.propagated
            && *of == generation
        {
            return Arc::clone(propagated);
        }
        let propagated = match self.authority.thing() {
            Some(thing) => self.source.propagated(&self.scope, &thing, &self.client),
            None => Propagated::default(),
        };
        self.propagated = Some((generation, Arc::clone(&propagated)));
        propagated
    }

    fn exclusive_thing(&self) -> Option<ThingName> {
        let certificate = self.principal.certificate()?;
        let attachments = self.source.things_of(&self.scope, Holder::Certificate(certificate));
        attachments.into_iter().find(|attachment| attachment.exclusive).map(|attachment| attachment.thing)
    }
}

const fn judged(action: Action) -> Judged {
    match action {
        Action::Connect => Judged::Connect,
        Action::Publish => Judged::Publish,
        Action::RetainPublish => Judged::RetainPublish,
        Action::Subscribe => Judged::Subscribe,
        Action::Receive => Judged::Receive,
    }
}
