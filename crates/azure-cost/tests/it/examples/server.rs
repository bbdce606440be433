//! A server that gives the answers of an example.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::example::ExampleAnswer;
use super::json::Json;

/// Where lists stand in answers.
const LISTS: [&[&str]; 4] = [
    &["value"],
    &["properties", "pricesheets"],
    &["properties", "rows"],
    &["properties", "tags"],
];

/// A server that gives some answers one after the other, and nothing but errors after that.
pub(crate) struct Playing {
    pub(crate) server: MockServer,
}

struct Answers(Arc<Mutex<VecDeque<ResponseTemplate>>>);

impl Respond for Answers {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let next = self.0.lock().unwrap().pop_front();
        next.unwrap_or_else(|| ResponseTemplate::new(418).set_body_string("nothing is left to say"))
    }
}

impl Playing {
    /// A server for answers. An answer with a link to more is given in two pages.
    pub(crate) async fn start(answers: &[&ExampleAnswer]) -> Playing {
        let server = MockServer::start().await;
        let played = answers
            .iter()
            .flat_map(|answer| play(answer, &server.uri()));
        let answers = Answers(Arc::new(Mutex::new(played.collect())));
        Mock::given(any())
            .respond_with(answers)
            .mount(&server)
            .await;
        Playing { server }
    }

    /// What was asked, in order.
    pub(crate) async fn asked(&self) -> Vec<Request> {
        self.server.received_requests().await.unwrap_or_default()
    }
}

fn play(answer: &ExampleAnswer, here: &str) -> Vec<ResponseTemplate> {
    let pages = match &answer.body {
        None => vec![None],
        Some(body) => in_pages(body, here).into_iter().map(Some).collect(),
    };
    let template = |body: Option<Json>| {
        let mut template = ResponseTemplate::new(answer.status);
        let mut has_place = false;
        for (name, value) in &answer.headers {
            // Nobody should wait for a test; and where an answer leads has to be here.
            template = match value.parse::<u32>() {
                _ if value.starts_with("http") => {
                    has_place = true;
                    template.insert_header(name.as_str(), moved(value, here))
                }
                Ok(_) => template.insert_header(name.as_str(), "0"),
                Err(_) => template.insert_header(name.as_str(), value.as_str()),
            };
        }
        if answer.status == 202 && !has_place {
            template = template.insert_header("Location", format!("{here}/result"));
            template = template.insert_header("Retry-After", "0");
        }
        match body {
            Some(body) => template.set_body_raw(body.to_string(), "application/json"),
            None => template,
        }
    };
    pages.into_iter().map(template).collect()
}

/// The answer, or two pages of it where it links to more.
fn in_pages(body: &Json, here: &str) -> Vec<Json> {
    let mut last = body.clone();
    let link = unlink(&mut last);
    let Some(link) = link.filter(|link| link.starts_with("http")) else {
        return vec![last];
    };
    let mut first = last.clone();
    for names in LISTS {
        let (Some(Json::List(all)), Some(Json::List(rest))) =
            (reach(&mut first, names), reach(&mut last, names))
        else {
            continue;
        };
        *rest = all.split_off(all.len() / 2);
        let holder = match names {
            [holder, _] => first.get_mut(holder),
            _ => Some(&mut first),
        };
        if let Some(Json::Object(fields)) = holder {
            fields.push(("nextLink".to_owned(), Json::Text(moved(&link, here))));
        }
        return vec![first, last];
    }
    vec![last]
}

/// Takes all links to more out of a body; gives the one to the next page.
fn unlink(json: &mut Json) -> Option<String> {
    let mut found = None;
    match json {
        Json::Object(fields) => {
            for (key, value) in fields.iter() {
                if key.eq_ignore_ascii_case("nextLink") {
                    found = value.text();
                }
            }
            fields.retain(|(key, _)| !key.eq_ignore_ascii_case("nextLink"));
            for (key, value) in fields.iter_mut() {
                let inner = unlink(value);
                if key.eq_ignore_ascii_case("properties") {
                    found = found.or(inner);
                }
            }
        }
        Json::List(items) => items.iter_mut().for_each(|item| drop(unlink(item))),
        _ => {}
    }
    found
}

fn reach<'a>(json: &'a mut Json, names: &[&str]) -> Option<&'a mut Json> {
    names.iter().try_fold(json, |json, name| json.get_mut(name))
}

/// A URL with its path and query at another host.
fn moved(url: &str, here: &str) -> String {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.find('/').map_or("", |start| &rest[start..]);
    format!("{here}{path}")
}
