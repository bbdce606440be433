//! Links from notices, as the query of a request.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use spendwatch::{Permission, Purpose};

use crate::page::Page;

/// What a link says.
#[derive(Deserialize)]
pub(crate) struct Link {
    #[serde(rename = "for")]
    purpose: String,
    about: String,
    expires: i64,
    delivery: String,
    mac: String,
}

/// The query of a request that should be a link.
pub(crate) type LinkQuery = Result<Query<Link>, QueryRejection>;

/// The permission that a link may be; `None` for one with parts missing.
pub(crate) fn permission(query: LinkQuery) -> Option<Permission> {
    let Query(link) = query.ok()?;
    Some(Permission {
        purpose: Purpose::parse(&link.purpose)?,
        about: link.about,
        expires: link.expires,
        delivery: link.delivery,
        mac: link.mac,
    })
}

/// The answer to a link with parts missing.
pub(crate) fn incomplete() -> Response {
    Page::new("Not a link")
        .paragraph("This link is not complete. Open it from the message that you got.")
        .answer(StatusCode::BAD_REQUEST)
}
