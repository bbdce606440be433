//! The page on which an action is approved.
//!
//! Opening it changes nothing: mail scanners open links. Its button posts to the same address, and
//! that approves, once. The page loads nothing from elsewhere, tells its address to nobody, and is
//! kept nowhere.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use spendwatch::jobs::act::{self, NotApproved};
use spendwatch::{ActionRecord, ActionState, Permission, action_words};

use crate::api::ApiError;
use crate::lazy::Lazy;

/// What a link says.
#[derive(Deserialize)]
pub(crate) struct Link {
    action: String,
    expires: i64,
    delivery: String,
    mac: String,
}

impl From<Link> for Permission {
    fn from(link: Link) -> Permission {
        Permission {
            action: link.action,
            expires: link.expires,
            delivery: link.delivery,
            mac: link.mac,
        }
    }
}

/// Shows what will happen.
pub(crate) async fn show(
    State(lazy): State<Arc<Lazy>>,
    link: Result<Query<Link>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Ok(Query(link)) = link else {
        return Ok(incomplete());
    };
    let app = lazy.app().await?;
    match act::open_link(&app, &link.into()).await {
        Ok(record) => Ok(shown(&record)),
        Err(refused) => answer(refused),
    }
}

/// Approves.
pub(crate) async fn approve(
    State(lazy): State<Arc<Lazy>>,
    link: Result<Query<Link>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Ok(Query(link)) = link else {
        return Ok(incomplete());
    };
    let app = lazy.app().await?;
    match act::approve_by_link(&app, &link.into()).await {
        Ok(record) => {
            let text = format!("{} is approved and will be done now.", record.action);
            Ok(page(StatusCode::OK, "Approved", &paragraph(&text)))
        }
        Err(refused) => answer(refused),
    }
}

fn incomplete() -> Response {
    let text = "This link is not complete. Open it from the message that you got.";
    page(StatusCode::BAD_REQUEST, "Not a link", &paragraph(text))
}

fn answer(refused: NotApproved) -> Result<Response, ApiError> {
    let (status, title) = match &refused {
        // What a link is for is told only to whoever has it.
        NotApproved::BadLink(_) | NotApproved::NoLinks | NotApproved::Missing => {
            (StatusCode::FORBIDDEN, "Not valid")
        }
        NotApproved::NotWaiting(_) => (StatusCode::CONFLICT, "Nothing to approve"),
        NotApproved::Store(_) => return Err(anyhow::Error::new(refused).into()),
    };
    let text = match &refused {
        NotApproved::BadLink(why) => why.to_string(),
        NotApproved::NotWaiting(_) => refused.to_string(),
        _ => "this link is not valid".to_owned(),
    };
    tracing::warn!(why = refused.to_string(), "an action was not approved");
    Ok(page(status, title, &paragraph(&text)))
}

fn shown(record: &ActionRecord) -> Response {
    let mut body = paragraph(&format!(
        "{} will {}.",
        record.action,
        action_words::task(&record.task)
    ));
    body += &paragraph(&action_words::cause(record));
    if !record.targets.is_empty() {
        body += "<ul>";
        for target in &record.targets {
            let _ = write!(body, "<li>{}</li>", escaped(&action_words::target(target)));
        }
        body += "</ul>";
    }
    let undo = match record.undo {
        true => format!(
            "On {} it is undone, where everything is still as it was left.",
            record.cause.period.end()
        ),
        false => "It is not undone by itself.".to_owned(),
    };
    body += &paragraph(&undo);
    match &record.state {
        ActionState::AwaitingApproval { until } => {
            body += &paragraph(&format!("It can be approved until {until}."));
            body += "<form method=\"post\"><button>Approve</button></form>";
            page(StatusCode::OK, "Approve this action?", &body)
        }
        state => {
            body += &paragraph(&format!("It waits for nobody: it is {}.", state.as_str()));
            page(StatusCode::OK, "Nothing to approve", &body)
        }
    }
}

fn paragraph(text: &str) -> String {
    format!("<p>{}</p>", escaped(text))
}

/// Names come from Azure and from tags: nothing of them may be read as markup.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>body{{font:16px/1.5 sans-serif;max-width:40em;margin:3em auto;padding:0 1em}}\
         button{{font:inherit;padding:.5em 1.5em}}</style></head>\
         <body><h1>{title}</h1>{body}</body></html>"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
             frame-ancestors 'none'; base-uri 'none'",
        ),
    ];
    let mut response = (status, html).into_response();
    for (name, value) in headers {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_markup() {
        let escaped = escaped("<script>\"a\"&'b'\n</script>");
        let expected = "&lt;script&gt;&quot;a&quot;&amp;&#39;b&#39; &lt;/script&gt;";
        assert_eq!(escaped, expected);
    }
}
