//! Pages: following links, and only those that lead back to where the question was asked.

use std::collections::{HashSet, VecDeque};
use std::fmt;

use futures::future::Either;
use futures::{Stream, StreamExt, stream};
use jiff::Timestamp;
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::Instant;
use url::Url;

use crate::cloud::is_loopback;
use crate::error::Error;
use crate::fields::Fields;
use crate::long_running::{FIRST_WAIT, Pending, SHORTEST_WAIT};
use crate::request::{Answer, Request};
use crate::retry::asked_wait;
use crate::transport::Transport;

/// A page's content and its link to the next one.
#[derive(Debug)]
pub(crate) struct Page<P> {
    pub(crate) content: P,
    pub(crate) next: Option<String>,
}

/// Where the rest of a long read begins, to go on after a restart.
///
/// It holds a link that only works together with the credential, and by hashes what must not come
/// twice. It can be stored, and is not shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    link: String,
    #[serde(default)]
    seen: Repeats,
}

impl Resume {
    /// The beginning of a list that another list links to.
    pub(crate) fn at(link: String) -> Resume {
        let seen = Repeats::default();
        Resume { link, seen }
    }
}

impl fmt::Debug for Resume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resume(..)")
    }
}

/// All pages of an operation, each with the place where the next one begins. A stream that ends
/// without an error was read to its end.
///
/// `read` turns the answer of one page (its number counts from 1) into its content; a problem says
/// what is wrong and where. It leaves out what earlier pages held, which an earlier read hands down.
/// Pages after the first are asked for as the first was, body included.
pub(crate) fn pages<P: Send + 'static>(
    transport: Transport,
    first: Request,
    resume: Option<Resume>,
    read: impl Fn(&Answer, usize, &mut Repeats) -> Result<Page<P>, String> + Send + 'static,
) -> impl Stream<Item = Result<(P, Option<Resume>), Error>> + Send + 'static {
    let is_rest = resume.is_some();
    let (start, mut repeats) = match resume {
        Some(Resume { link, seen }) => (follow(&first.url, &link), seen),
        None => (Ok(first.url.clone()), Repeats::default()),
    };
    async_stream::try_stream! {
        let unexpected = |problem: String| Error::unexpected(&first.operation, problem);
        let mut request = first.at(start.map_err(unexpected)?);
        let mut seen = HashSet::from([request.url.as_str().to_owned()]);
        for number in 1.. {
            let answer = prepared(&transport, &request).await?;
            if answer.is_empty() {
                if number > 1 || is_rest {
                    // A link promised more: what came before is a part and not the whole.
                    Err(unexpected(format!("page {number} has no content")))?;
                }
                break;
            }
            if answer.status != 200 && first.accepts != Some(answer.status) {
                Err(unexpected(format!("page {number} came with status {}", answer.status)))?;
            }
            let page = read(&answer, number, &mut repeats).map_err(unexpected)?;
            drop(answer);
            let Some(link) = page.next.filter(|link| !link.trim().is_empty()) else {
                yield (page.content, None);
                break;
            };
            let url = follow(&request.url, &link).map_err(unexpected)?;
            if !seen.insert(url.as_str().to_owned()) {
                // Stopping quietly would pass off a part as the whole.
                Err(unexpected(format!("page {number} links back to an earlier page")))?;
            }
            let rest = Resume {
                link: url.as_str().to_owned(),
                seen: repeats.clone(),
            };
            yield (page.content, Some(rest));
            if number >= transport.limits.pages {
                Err(unexpected(format!("there are more than {number} pages")))?;
            }
            request = first.at(url);
        }
    }
}

/// All items of an operation whose pages are `{"value": […], "nextLink": "…"}`, which is most of
/// them. `read` turns one item into what it says.
pub(crate) fn items<T: Send + 'static>(
    transport: Transport,
    first: Request,
    read: impl Fn(&RawValue) -> Result<T, String> + Send + 'static,
) -> impl Stream<Item = Result<T, Error>> + Send + 'static {
    flatten(item_pages(transport, first, None, has_id, read))
}

/// The same page by page, perhaps not from the beginning, where `is_record` says which items are
/// the same ones when they come again.
pub(crate) fn item_pages<T: Send + 'static>(
    transport: Transport,
    first: Request,
    resume: Option<Resume>,
    is_record: impl Fn(&RawValue) -> bool + Send + 'static,
    read: impl Fn(&RawValue) -> Result<T, String> + Send + 'static,
) -> impl Stream<Item = Result<(Vec<T>, Option<Resume>), Error>> + Send + 'static {
    pages(transport, first, resume, move |answer, number, repeats| {
        read_list(&answer.body, number, repeats, &is_record, &read)
    })
}

/// Why a read waits for an answer that is not ready.
pub(crate) const PREPARING: &str = "Azure is preparing the answer";

/// The answer to a page's request. Where status 202 says that the page is still being prepared, the
/// same question is asked again.
async fn prepared(transport: &Transport, request: &Request) -> Result<Answer, Error> {
    let end = Instant::now() + transport.limits.preparation;
    let end = transport.waits.end(end);
    loop {
        let answer = transport.send(request).await?;
        if answer.status != 202 || !request.may_be_in_preparation {
            return Ok(answer);
        }
        let wait = asked_wait(&answer.headers, Timestamp::now()).unwrap_or(FIRST_WAIT);
        let wait = wait.max(SHORTEST_WAIT);
        let again = Instant::now() + wait;
        if again > end {
            return Err(Error::NotReady {
                operation: request.operation.clone(),
                pending: Box::new(Pending::after(request.url.clone(), wait)),
            });
        }
        let waits = &transport.waits;
        waits.wait(&request.operation, again, PREPARING).await;
    }
}

/// The items of all pages in a row.
pub(crate) fn flatten<T: Send + 'static>(
    pages: impl Stream<Item = Result<(Vec<T>, Option<Resume>), Error>> + Send + 'static,
) -> impl Stream<Item = Result<T, Error>> + Send + 'static {
    pages.flat_map(|page| match page {
        Ok((items, _)) => stream::iter(items.into_iter().map(Ok).collect::<Vec<_>>()),
        Err(error) => stream::iter(vec![Err(error)]),
    })
}

/// A stream that may fail before its first request.
pub(crate) fn lazily<T>(
    stream: Result<impl Stream<Item = Result<T, Error>>, Error>,
) -> impl Stream<Item = Result<T, Error>> {
    match stream {
        Ok(stream) => Either::Left(stream),
        Err(error) => Either::Right(stream::once(async { Err(error) })),
    }
}

fn read_list<T>(
    body: &[u8],
    number: usize,
    repeats: &mut Repeats,
    is_record: impl Fn(&RawValue) -> bool,
    read: impl Fn(&RawValue) -> Result<T, String>,
) -> Result<Page<Vec<T>>, String> {
    let page = Fields::of_body(body).map_err(|problem| format!("page {number} {problem}"))?;
    let in_page = |problem| format!("{problem} in page {number}");
    let items = page.list("value").map_err(in_page)?;
    let items = repeats.without_repeated(items, is_record);
    Ok(Page {
        content: read_items(&items, number, read)?,
        next: page.optional_text("nextLink").map_err(in_page)?,
    })
}

/// What earlier pages held, to find what comes twice.
///
/// While Azure gathers an answer its data move, and a page may begin with what the one before it
/// ended with, or come again under another link. Records are compared byte by byte (by hash), with
/// the page before and as whole pages, so memory follows one page and not the answer. Two records
/// that only cost the same are two records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Repeats {
    /// The last pages, the latest at the end.
    pages: VecDeque<u64>,
    /// The items of the last page that had any.
    last: FxHashSet<u64>,
}

/// How many whole pages are known again.
const KNOWN_PAGES: usize = 1000;

impl Repeats {
    /// The items of a page without those that earlier pages held. `is_record` says whether an item
    /// can be told from another one that happens to look the same; others always stay.
    pub(crate) fn without_repeated<'a>(
        &mut self,
        items: Vec<&'a RawValue>,
        is_record: impl Fn(&RawValue) -> bool,
    ) -> Vec<&'a RawValue> {
        let hashes: Vec<u64> = items.iter().map(|item| lasting_hash(item.get())).collect();
        let page = hashes
            .iter()
            .fold(0_u64, |sum, hash| sum.wrapping_add(*hash));
        // Most items never come twice, so few are looked into.
        let came = self.pages.contains(&page) && !items.is_empty();
        if came && items.iter().all(|item| is_record(item)) {
            tracing::debug!(items = items.len(), "a page came twice");
            return Vec::new();
        }
        self.pages.push_back(page);
        if self.pages.len() > KNOWN_PAGES {
            self.pages.pop_front();
        }
        let found = items.iter().zip(&hashes);
        let fresh: Vec<&RawValue> = found
            .filter(|(item, hash)| !self.last.contains(hash) || !is_record(item))
            .map(|(item, _)| *item)
            .collect();
        if fresh.len() < items.len() {
            let count = items.len() - fresh.len();
            tracing::debug!(count, "items of the page before came twice");
        }
        // An empty page lies between two others and does not part them.
        if !hashes.is_empty() {
            self.last = hashes.into_iter().collect();
        }
        fresh
    }
}

/// A hash of a text that every build finds the same, because it is stored.
fn lasting_hash(text: &str) -> u64 {
    // An odd number without a pattern: 2^64 divided by the golden ratio.
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mix = |hash: u64, word: u64| {
        let mixed = (hash ^ word).wrapping_mul(FACTOR);
        mixed ^ (mixed >> 32)
    };
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let hash = words.fold(text.len() as u64, mix);
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(hash, u64::from_le_bytes(last))
}

/// Whether an item has an id of its own; one of something within it, such as a tag, is none.
pub(crate) fn has_id(item: &RawValue) -> bool {
    Fields::of(item).is_ok_and(|item| item.raw("id").is_some())
}

/// Reads the items of a page; a problem names the item, from 1, and the page.
pub(crate) fn read_items<T>(
    items: &[&RawValue],
    page: usize,
    read: impl Fn(&RawValue) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let read_one = |(index, item): (usize, &&RawValue)| {
        read(item).map_err(|problem| format!("{problem} in item {} of page {page}", index + 1))
    };
    items.iter().enumerate().map(read_one).collect()
}

/// The URL of a link, if it may be asked with the token that `asked` was asked with.
///
/// Links are followed as they are, whatever API version or encoding they carry; but http becomes
/// https, because some of Azure's links say http, and another host is refused.
pub(crate) fn follow(asked: &Url, link: &str) -> Result<Url, String> {
    let no_link = |_| "its link is not a URL".to_owned();
    let mut url = asked.join(link.trim()).map_err(no_link)?;
    if url.scheme() == "http" && !is_loopback(&url) {
        let changed = url.set_scheme("https");
        changed.map_err(|()| "its link is not a URL".to_owned())?;
    }
    if url.origin() != asked.origin() || !url.username().is_empty() || url.password().is_some() {
        let host = url.host_str().unwrap_or("nowhere");
        return Err(format!("its link leads elsewhere, to {host}"));
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(asked: &str, link: &str, expected: Option<&str>) {
        let found = follow(&Url::parse(asked).unwrap(), link).ok();
        assert_eq!(found.as_ref().map(Url::as_str), expected, "{link}");
    }

    #[test]
    fn links_stay_with_the_host_that_was_asked() {
        let asked = "https://management.azure.com/a?api-version=2024-08-01";
        let same = "https://management.azure.com/b?$skiptoken=AQAAAA%3D%3D";
        check(asked, same, Some(same));
        check(asked, &same.replace("https:", "http:"), Some(same));
        check(asked, &same.replace(".com/", ".com:443/"), Some(same));
        check(
            asked,
            &same.replace("management.azure", "Management.AZURE"),
            Some(same),
        );
        check(asked, "/b?$skiptoken=AQAAAA%3D%3D", Some(same));
        check(
            asked,
            "https://management.azure.com/b?$filter=a ge '1'&",
            Some("https://management.azure.com/b?$filter=a%20ge%20%271%27&"),
        );
        for elsewhere in [
            "https://example.com/b",
            "https://management.azure.com.example.com/b",
            "https://management.azure.com:8443/b",
            "https://management.azure.com@example.com/b",
            "https://someone@management.azure.com/b",
            "//example.com/b",
            "ftp://management.azure.com/b",
            "http://127.0.0.1/b",
            "http://",
        ] {
            check(asked, elsewhere, None);
        }
    }

    #[test]
    fn a_loopback_endpoint_keeps_http() {
        let asked = "http://127.0.0.1:7071/a";
        check(
            asked,
            "http://127.0.0.1:7071/b",
            Some("http://127.0.0.1:7071/b"),
        );
        check(asked, "http://127.0.0.1:7072/b", None);
        check(asked, "http://example.com/b", None);
    }

    /// What is left of pages, each a list of records by number; 0 is a record without an id.
    fn left(pages: &[&[u32]]) -> Vec<Vec<String>> {
        let mut repeats = Repeats::default();
        let fresh = pages.iter().map(|page| {
            let items = page.iter().map(|number| match number {
                0 => r#"{"cost":1}"#.to_owned(),
                _ => format!(r#"{{"id":"{number}","cost":1}}"#),
            });
            let items: Vec<Box<RawValue>> = items
                .map(|text| RawValue::from_string(text).unwrap())
                .collect();
            let items: Vec<&RawValue> = items.iter().map(|item| &**item).collect();
            let fresh = repeats.without_repeated(items, has_id);
            let shown = |item: &&RawValue| {
                let text = item.get().replace(['{', '}', '"'], "");
                text.trim_end_matches(",cost:1").replace("id:", "")
            };
            fresh.iter().map(shown).collect()
        });
        fresh.collect()
    }

    #[test]
    fn only_an_id_of_its_own_makes_an_item_a_record() {
        for (item, expected) in [
            (r#"{"id":"1","cost":1}"#, true),
            (r#"{"Cost":1,"ID":"1"}"#, true),
            (r#"{"tags":{"id":"1"},"cost":1}"#, false),
            (r#"{"id":null,"cost":1}"#, false),
            (r#"{"name":"\"id\""}"#, false),
            (r#"[1,"id"]"#, false),
        ] {
            let item = RawValue::from_string(item.to_owned()).unwrap();
            assert_eq!(has_id(&item), expected, "{item}");
        }
    }

    #[test]
    fn a_lasting_hash_lasts_and_tells_texts_apart() {
        // Worked out apart from this code: a stored hash must mean the same later.
        assert_eq!(lasting_hash(""), 0x0000_0000_0000_0000);
        assert_eq!(lasting_hash("12345678abc"), 0x4DA6_F0FA_2EB3_684E);
        let id = |number: u32| format!(r#"{{"id":"{number:012}","cost":1.5}}"#);
        let hashes: HashSet<u64> = (0..100_000).map(|one| lasting_hash(&id(one))).collect();
        assert_eq!(hashes.len(), 100_000);
    }

    #[test]
    fn only_the_last_pages_are_known_again() {
        let mut repeats = Repeats::default();
        let mut fresh = |number: usize| {
            let item = RawValue::from_string(format!(r#"{{"id":"{number}"}}"#)).unwrap();
            repeats.without_repeated(vec![&item], has_id).len()
        };
        assert!((0..=KNOWN_PAGES).all(|number| fresh(number) == 1));
        assert_eq!((fresh(1), fresh(0)), (0, 1));
    }

    #[test]
    fn records_that_pages_share_are_given_once() {
        let none: [&str; 0] = [];
        assert_eq!(
            left(&[&[1, 2], &[2, 3], &[3]]),
            [vec!["1", "2"], vec!["3"], none.to_vec()]
        );
        // An empty page between them changes nothing.
        assert_eq!(
            left(&[&[1, 2], &[], &[2, 3]]),
            [vec!["1", "2"], none.to_vec(), vec!["3"]]
        );
        // A page that comes again, later and in another order.
        assert_eq!(
            left(&[&[1, 2], &[3], &[2, 1]]),
            [vec!["1", "2"], vec!["3"], none.to_vec()]
        );
        // Rows of one page are what they are, and so are rows that no id tells apart.
        assert_eq!(left(&[&[1, 1]]), [["1", "1"]]);
        assert_eq!(
            left(&[&[0, 0], &[0, 0]]),
            [["cost:1", "cost:1"], ["cost:1", "cost:1"]]
        );
        assert_eq!(
            left(&[&[], &[], &[1]]),
            [none.to_vec(), none.to_vec(), vec!["1"]]
        );
    }
}
