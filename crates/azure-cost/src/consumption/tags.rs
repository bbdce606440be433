//! The tags that occur at a scope.

use budget_engine::{Scope, ScopeKind};
use futures::Stream;

use super::API_VERSION;
use crate::client::{Client, path_of_kind};
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::{Page, flatten, lazily, pages};
use crate::request::{Answer, Request};

/// A tag that occurs at a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TagValues {
    /// Its name, in Azure's spelling.
    pub key: String,
    /// Values that it has; empty where Azure leaves them out.
    pub values: Vec<String>,
}

const KINDS: [ScopeKind; 6] = [
    ScopeKind::Subscription,
    ScopeKind::ResourceGroup,
    ScopeKind::ManagementGroup,
    ScopeKind::BillingAccount,
    ScopeKind::Department,
    ScopeKind::EnrollmentAccount,
];

impl Client {
    /// The tags that occur at a subscription, resource group, management group, billing account,
    /// department or enrollment account.
    pub fn tags(
        &self,
        scope: &Scope,
    ) -> impl Stream<Item = Result<TagValues, Error>> + Send + use<> {
        let operation = format!("read tags of {scope}");
        lazily(path_of_kind(&operation, scope, &KINDS).map(|path| {
            let url = self.url(&path, "/providers/Microsoft.Consumption/tags", API_VERSION);
            let request = Request::get(operation, url);
            flatten(pages(
                self.transport.clone(),
                request,
                None,
                |answer, number, _| read_page(answer, number),
            ))
        }))
    }
}

fn read_page(answer: &Answer, number: usize) -> Result<Page<Vec<TagValues>>, String> {
    let body =
        Fields::of_body(&answer.body).map_err(|problem| format!("page {number} {problem}"))?;
    let in_page = |problem| format!("{problem} in page {number}");
    let properties = body.object("properties").map_err(in_page)?;
    let tags = properties.objects("tags").map_err(in_page)?;
    let tags = tags.iter().map(|tag| {
        Ok(TagValues {
            key: tag.required_text("key")?,
            values: tag.texts("value")?,
        })
    });
    Ok(Page {
        content: tags.collect::<Result<_, _>>().map_err(in_page)?,
        next: properties.optional_text("nextLink").map_err(in_page)?,
    })
}
