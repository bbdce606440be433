//! Pages and their links.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::answer::{Answer, Object, Refusal};
use super::faults::Mishap;
use super::operation::Call;

/// Azure's own host as some of its links name it.
const PUBLIC_IN_CLEAR: &str = "http://management.azure.com";

/// Some rows of a list, and where the rest is.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) items: Vec<Box<RawValue>>,
    pub(super) next: Option<String>,
}

impl Page {
    /// `{"value": […], "nextLink": …}`; on the last page the link is null.
    pub(super) fn answer(self) -> Answer {
        let body = Object::new()
            .with("value", self.items)
            .with("nextLink", self.next);
        Answer::json(&body)
    }
}

impl Call<'_> {
    /// How many rows a page has: `$top`, 1 to `most`, if it asks for fewer than the sandbox would
    /// give.
    pub(super) fn page_size(&self, most: usize) -> Result<usize, Refusal> {
        let usual = self.sandbox.options.page_rows.clamp(1, most);
        match self.number("$top")? {
            None => Ok(usual),
            Some(top) if (1..=most).contains(&top) => Ok(top.min(usual)),
            Some(top) => {
                let message =
                    format!("The value {top} of $top is out of range; it is 1 to {most}.");
                Err(Refusal::bad_request(message))
            }
        }
    }

    /// Where `$skiptoken` says to go on.
    pub(super) fn cursor(&self) -> Result<Option<String>, Refusal> {
        let Some(token) = self.request.parameter(self.operation.page_token) else {
            return Ok(None);
        };
        let bytes = STANDARD.decode(token).ok();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let message = || format!("The $skiptoken '{token}' is invalid.");
        text.map(Some)
            .ok_or_else(|| Refusal::bad_request(message()))
    }

    /// The same request with another `$skiptoken`, absolute, with the token encoded and all else
    /// as raw as it came, the way Azure writes links.
    pub(super) fn link(&self, cursor: &str) -> String {
        let key = self.operation.page_token;
        let is_token = |part: &&str| {
            let name = part.split('=').next().unwrap_or_default();
            !name.replace("%24", "$").eq_ignore_ascii_case(key)
        };
        let kept = self.request.raw_query.split('&').filter(is_token);
        let kept = kept.collect::<Vec<_>>().join("&");
        let token = STANDARD.encode(cursor).replace('=', "%3D");
        let (base, path) = (self.request.base(), &self.request.path);
        format!("{base}{path}?{kept}&{key}={token}")
    }

    /// The page that was asked for, of a whole list.
    pub(super) fn page<T: Serialize>(
        &self,
        items: impl IntoIterator<Item = T>,
        size: usize,
    ) -> Result<Page, Refusal> {
        let mishaps = self.page_mishaps();
        self.page_with(items, size, &mishaps)
    }

    /// The mishaps of pages that are on for this request; each is counted.
    pub(super) fn page_mishaps(&self) -> Vec<Mishap> {
        let faults = &self.sandbox.faults;
        faults.take_all(self.operation.name, Mishap::is_of_pages)
    }

    /// As [`Call::page`], with mishaps that were taken already.
    pub(super) fn page_with<T: Serialize>(
        &self,
        items: impl IntoIterator<Item = T>,
        size: usize,
        mishaps: &[Mishap],
    ) -> Result<Page, Refusal> {
        let number = self.cursor()?.map(|cursor| cursor.parse());
        let Ok(number) = number.unwrap_or(Ok(0_usize)) else {
            return Err(Refusal::bad_request("The $skiptoken is of another list."));
        };
        let raw = |item: T| to_raw_value(&item).expect("rows hold nothing that JSON cannot");
        if mishaps.is_empty() {
            let mut rest = items.into_iter().skip(number * size).peekable();
            let page = rest.by_ref().take(size).map(raw).collect();
            let more = rest.peek().is_some();
            let next = more.then(|| self.link(&(number + 1).to_string()));
            return Ok(Page { items: page, next });
        }
        let items: Vec<Box<RawValue>> = items.into_iter().map(raw).collect();
        let pages = lay_out(items.len(), size, mishaps);
        let page = pages.get(number).map_or(&[][..], |page| page);
        let on = |mishap| mishaps.contains(&mishap);
        let more = number + 1 < pages.len();
        let mut next = more.then(|| self.link(&(number + 1).to_string()));
        if on(Mishap::SelfLink) {
            next = Some(self.link(&number.to_string()));
        }
        Ok(Page {
            items: page.iter().map(|index| items[*index].clone()).collect(),
            next: self.lead_astray(next, mishaps),
        })
    }

    /// The link, to another host or to Azure's own over http if such a fault is on.
    pub(super) fn lead_astray(&self, link: Option<String>, mishaps: &[Mishap]) -> Option<String> {
        let wrong = if mishaps.contains(&Mishap::OtherHost) {
            "https://elsewhere.example"
        } else if mishaps.contains(&Mishap::HttpLink) {
            PUBLIC_IN_CLEAR
        } else {
            return link;
        };
        let base = self.request.base();
        link.map(|link| link.replacen(&base, wrong, 1))
    }

    /// Where a link to a file begins: the host that was asked, if no fault says otherwise.
    pub(super) fn file_base(&self) -> String {
        let is_clear = |what: &Mishap| *what == Mishap::HttpLink;
        match self.sandbox.faults.take(self.operation.name, is_clear) {
            Some(_) => PUBLIC_IN_CLEAR.to_owned(),
            None => self.request.base(),
        }
    }
}

/// Which rows stand on which page.
pub(super) fn lay_out(rows: usize, size: usize, mishaps: &[Mishap]) -> Vec<Vec<usize>> {
    let on = |mishap| mishaps.contains(&mishap);
    let all: Vec<usize> = (0..rows).collect();
    let mut pages: Vec<Vec<usize>> = Vec::new();
    if on(Mishap::UnevenPages) {
        // One row, then half a page, then a page, and again.
        let sizes = [1, size.div_ceil(2), size];
        let mut rest = &all[..];
        for length in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (page, more) = rest.split_at((*length).min(rest.len()));
            pages.push(page.to_vec());
            rest = more;
        }
    } else {
        pages = all.chunks(size).map(<[usize]>::to_vec).collect();
    }
    if on(Mishap::RepeatedRow) || on(Mishap::SkippedRow) {
        for page in pages.iter_mut().skip(1) {
            let first = page.first().copied().unwrap_or_default();
            if on(Mishap::RepeatedRow) {
                page.insert(0, first.saturating_sub(1));
            } else {
                page.retain(|row| *row != first);
            }
        }
    }
    if on(Mishap::RepeatedPage)
        && let Some(first) = pages.first().cloned()
    {
        pages.insert(1, first);
    }
    if on(Mishap::ShuffledRows) {
        for (number, page) in pages.iter_mut().enumerate() {
            fastrand::Rng::with_seed(number as u64).shuffle(page);
        }
    }
    if on(Mishap::ShuffledPages) {
        pages.reverse();
    }
    if on(Mishap::EmptyPages) {
        pages = pages
            .into_iter()
            .flat_map(|page| [Vec::new(), page])
            .collect();
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_layouts_keep_every_row_once() {
        for mishap in [
            Mishap::EmptyPages,
            Mishap::UnevenPages,
            Mishap::ShuffledRows,
            Mishap::ShuffledPages,
        ] {
            let pages = lay_out(23, 5, std::slice::from_ref(&mishap));
            assert_ne!(pages, lay_out(23, 5, &[]), "{mishap:?}");
            let mut rows = pages.concat();
            rows.sort_unstable();
            assert_eq!(rows, (0..23).collect::<Vec<_>>(), "{mishap:?}");
        }
    }

    #[test]
    fn harmful_layouts_change_what_is_counted() {
        let count = |mishap| lay_out(12, 5, &[mishap]).concat().len();
        assert_eq!(count(Mishap::RepeatedPage), 17);
        assert_eq!(count(Mishap::RepeatedRow), 14);
        assert_eq!(count(Mishap::SkippedRow), 10);
        assert_eq!(lay_out(12, 5, &[Mishap::RepeatedRow])[1][..2], [4, 5]);
        assert!(lay_out(0, 5, &[Mishap::RepeatedPage]).is_empty());
    }
}
