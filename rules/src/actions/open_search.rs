//! `openSearch` and its former name `elasticsearch`: stores the result as a document (RULES-563 to RULES-566).

use super::aws::{AwsCall, AwsError, Service};
use super::url;
use super::{Context, Field, Members, Prepare, Prepared, Unready, Work};
use crate::RulesError;

/// The action's members.
#[derive(Debug)]
pub(crate) struct OpenSearch {
    service: &'static Service,
    endpoint: String,
    index: Field,
    document_type: Field,
    id: Field,
}

impl OpenSearch {
    /// The action of either name.
    pub(crate) fn compile(members: &Members<'_>, former_name: bool) -> Result<Self, RulesError> {
        members.role()?;
        let endpoint = members.plain("endpoint")?;
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            return Err(RulesError::invalid(format!(
                "`{}` is `{endpoint}`; it must begin with `https://` or `http://`",
                members.at("endpoint")
            )));
        }
        Ok(Self {
            service: if former_name { &ELASTICSEARCH } else { &OPENSEARCH },
            endpoint: endpoint.to_owned(),
            index: members.field("index")?,
            document_type: members.field("type")?,
            id: members.field("id")?,
        })
    }
}

impl Prepare for OpenSearch {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let index = context.fill_required("index", &self.index)?;
        let document_type = context.fill_required("type", &self.document_type)?;
        let id = context.fill_required("id", &self.id)?;
        context.check_json()?;
        let path = format!("/{}/{}/{}", url::encode(&index), url::encode(&document_type), url::encode(&id));
        let call = AwsCall::rest(self.service, "PutDocument", "PUT", path, context.payload().clone())
            .header("content-type", "application/json")
            .at(self.endpoint.clone());
        Ok(Prepared {
            resources: vec![
                ("Endpoint", self.endpoint.clone()),
                ("Index", index),
                ("Type", document_type),
                ("Id", id),
            ],
            resource: self.endpoint.clone(),
            explain,
            work: Work::Aws(vec![call]),
        })
    }
}

fn explain(error: &AwsError) -> String {
    format!("Failed to put document into the search domain. The error received was {error}")
}

static OPENSEARCH: Service = Service { id: "OPENSEARCH", signing: "es", host: "es" };
static ELASTICSEARCH: Service = Service { id: "ELASTICSEARCH_SERVICE", signing: "es", host: "es" };
