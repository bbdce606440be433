//! The mail itself: headers, a text part, and an HTML part with its chart.
//!
//! Parts nest as `multipart/alternative` of the text and `multipart/related`, which holds the HTML and
//! the picture that it shows. Programs take the last alternative that they understand.

use lettre::Address;
use lettre::Message as Mail;
use lettre::message::header::ContentType;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};

use crate::channel::RenderError;
use crate::email::page::{Page, Picture};
use crate::email::templates::{Part, Templates};
use crate::email::{Subject, chart};
use crate::ids::short_hash as hash;
use crate::notice::{Message, Notice};
use crate::text::{MAX_SUBJECT, Wording, plain, wording};
use crate::untrusted::header;

/// Whether a mail has its chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charts {
    /// If there is something to draw.
    Shown,
    /// Never, so that the mail is small.
    LeftOut,
}

/// A mail, and whether it has a chart that may be left out.
#[derive(Debug)]
pub(super) struct Composed {
    pub(super) mail: Mail,
    pub(super) has_chart: bool,
}

pub(crate) struct Composer {
    from: Mailbox,
    reply_to: Option<Mailbox>,
    subject: Subject,
    page: Page,
    templates: Option<Templates>,
}

/// What a service needs that builds the mail itself.
pub(crate) struct Parts {
    /// The address, without a name.
    pub(crate) recipient: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

impl Composer {
    pub(crate) fn new(from: Mailbox, reply_to: Option<Mailbox>, subject: Subject) -> Self {
        Composer {
            from,
            reply_to,
            subject,
            page: Page::new(),
            templates: None,
        }
    }

    /// The same with templates of one's own.
    pub(crate) fn with_templates(self, templates: Option<Templates>) -> Self {
        Composer { templates, ..self }
    }

    /// The sender's address, without the name.
    pub(super) fn sender(&self) -> &Address {
        &self.from.email
    }

    /// The same mail for the same notice, byte for byte.
    pub(super) fn compose(&self, notice: &Notice, charts: Charts) -> Result<Composed, RenderError> {
        let recipient = recipient(notice)?;
        let words = wording(notice);
        let domain = self.from.email.domain();
        let id = notice.safe_id();
        let thread = format!("<thread.{}@{domain}>", hash(&notice.thread));
        let subject = self.subject(notice, &words);
        let mut mail = Mail::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, recipient.email))
            .subject(subject)
            .date(notice.message.at().into())
            .message_id(Some(format!("<delivery.{id}@{domain}>")))
            // The root is never sent: relays may replace our ids, but not what we refer to.
            .in_reply_to(thread.clone())
            .references(thread);
        if let Some(reply_to) = &self.reply_to {
            mail = mail.reply_to(reply_to.clone());
        }
        for (name, value) in [
            ("Auto-Submitted", "auto-generated".to_owned()),
            ("X-Auto-Response-Suppress", "All".to_owned()),
            ("List-Id", format!("Cost alerts <cost-alerts.{domain}>")),
            ("X-Spendwatch-Delivery-Id", id.clone()),
        ] {
            let name =
                HeaderName::new_from_ascii(name.into()).expect("the names above are plain ASCII");
            mail = mail.raw_header(HeaderValue::new(name, value));
        }
        let boundary = |part: &str| format!("=_{}", hash(&format!("{id}/{part}")));
        let picture = match charts {
            Charts::Shown => words.chart.as_ref().zip(drawn(notice)),
            Charts::LeftOut => None,
        };
        let picture = picture.map(|(text, png)| {
            let id = format!("chart.{id}@{domain}");
            (Picture::of(id, text), png)
        });
        let shown = picture.as_ref().map(|(picture, _)| picture);
        let html = self.html(notice, &words, shown);
        let text = self.text(notice, &words, shown);
        // A template of one's own need not show the picture.
        let picture = picture.filter(|(picture, _)| html.contains(&picture.id));
        let has_chart = picture.is_some();
        let alternative = MultiPart::alternative()
            .boundary(boundary("boundary"))
            .singlepart(SinglePart::plain(text));
        let parts = match picture {
            None => alternative.singlepart(SinglePart::html(html)),
            Some((picture, png)) => {
                let inline = Attachment::new_inline_with_name(picture.id, "chart.png".into());
                let png_type = ContentType::parse("image/png");
                let png_type = png_type.expect("the text is a content type");
                alternative.multipart(
                    MultiPart::related()
                        .boundary(boundary("related"))
                        .singlepart(SinglePart::html(html))
                        .singlepart(inline.body(png, png_type)),
                )
            }
        };
        // Fails only without sender or recipient, and both are there.
        let mail = mail.multipart(parts);
        let mail = mail.map_err(|_| RenderError::BadRecipient)?;
        Ok(Composed { mail, has_chart })
    }

    /// The same text for a service that builds the mail itself, without a picture.
    pub(crate) fn parts(&self, notice: &Notice) -> Result<Parts, RenderError> {
        let recipient = recipient(notice)?;
        let words = wording(notice);
        Ok(Parts {
            recipient: recipient.email.to_string(),
            subject: self.subject(notice, &words),
            text: self.text(notice, &words, None),
            html: self.html(notice, &words, None),
        })
    }

    fn subject(&self, notice: &Notice, words: &Wording) -> String {
        let own = self.own(Part::Subject, notice, words, None);
        let own = own.map(|subject| header(&subject, MAX_SUBJECT));
        own.unwrap_or_else(|| match self.subject {
            Subject::Telling => words.subject.clone(),
            Subject::PerThread => words.thread_subject.clone(),
        })
    }

    fn text(&self, notice: &Notice, words: &Wording, picture: Option<&Picture>) -> String {
        let own = self.own(Part::Text, notice, words, picture);
        own.unwrap_or_else(|| plain(words))
    }

    fn html(&self, notice: &Notice, words: &Wording, picture: Option<&Picture>) -> String {
        let own = self.own(Part::Html, notice, words, picture);
        own.unwrap_or_else(|| self.page.html(words, picture))
    }

    /// What a template of one's own says; `None` without one, or when it fails.
    fn own(
        &self,
        part: Part,
        notice: &Notice,
        words: &Wording,
        picture: Option<&Picture>,
    ) -> Option<String> {
        let rendered = self
            .templates
            .as_ref()?
            .render(part, notice, words, picture)?;
        rendered
            .inspect_err(|problem| {
                tracing::warn!(
                    delivery.id = notice.safe_id(),
                    problem = %problem,
                    "a template fails, and the built-in text is sent instead"
                );
            })
            .ok()
    }
}

fn recipient(notice: &Notice) -> Result<Mailbox, RenderError> {
    let recipient = notice.recipient.as_deref();
    let recipient = recipient.ok_or(RenderError::NoRecipient)?.trim();
    // Only the address: a name would be one more text from outside.
    recipient.parse().map_err(|_| RenderError::BadRecipient)
}

/// The picture of the period that a notice is about; `None` if there is none, or it cannot be drawn.
fn drawn(notice: &Notice) -> Option<Vec<u8>> {
    match &notice.message {
        Message::Crossing(transition) => chart::png(transition.status.course.as_ref()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn composer(subject: Subject) -> Composer {
        let from = "Cost alerts <cost@contoso.example>".parse().unwrap();
        Composer::new(from, None, subject)
    }

    fn with_templates(files: &[(&str, &str)]) -> Composer {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let (templates, _) = Templates::load(folder.path());
        let from = "Cost alerts <cost@contoso.example>".parse().unwrap();
        Composer::new(from, None, Subject::Telling).with_templates(Some(templates))
    }

    #[test]
    fn templates_of_ones_own_say_what_they_are_there_for_and_nothing_is_lost_to_a_bad_one() {
        let mail = |files: &[(&str, &str)], notice: &Notice| {
            let composed = with_templates(files)
                .compose(notice, Charts::Shown)
                .unwrap();
            let text = String::from_utf8(composed.mail.formatted()).unwrap();
            (text.replace("=\r\n", ""), composed.has_chart)
        };
        let notice = samples::crossing();
        let (text, has_chart) = mail(
            &[
                (
                    "subject.txt",
                    "Kosten: {{ event.budget.id }}\r\nBcc: x@contoso.example",
                ),
                ("body.html", "<p>mine</p>"),
            ],
            &notice,
        );
        assert!(text.contains("\r\nSubject: Kosten: payments-prod Bcc: x@contoso.example\r\n"));
        assert!(text.contains("<p>mine</p>") && text.contains("has used EUR 8,214.20"));
        // The page does not show the picture, so it is not sent.
        assert!(!has_chart && !text.contains("image/png"));
        let (builtin, _) = mail(&[("subject.txt", "{% if %}")], &notice);
        let (failing, has_chart) = mail(
            &[("subject.txt", "{{ nothing }}"), ("body.html", "{{ 1/0 }}")],
            &notice,
        );
        assert_eq!(failing, builtin);
        assert!(has_chart && failing.contains("Subject: [Cost] Payments, production 82.1 %"));
    }

    fn compose(subject: Subject, notice: &Notice) -> Mail {
        let composed = composer(subject).compose(notice, Charts::Shown);
        composed.unwrap().mail
    }

    #[test]
    fn a_mail_is_small_and_its_chart_can_be_left_out() {
        let composer = composer(Subject::Telling);
        for (name, notice) in samples::all() {
            let full = composer.compose(&notice, Charts::Shown).unwrap();
            let bytes = full.mail.formatted();
            assert!(bytes.len() < 200_000, "{name}: {}", bytes.len());
            let text = String::from_utf8(bytes).unwrap();
            assert_eq!(text.contains("Content-Type: image/png"), full.has_chart);
            let small = composer.compose(&notice, Charts::LeftOut).unwrap();
            assert!(!small.has_chart);
            let text = String::from_utf8(small.mail.formatted()).unwrap();
            assert!(
                !text.contains("image/png") && !text.contains("cid:"),
                "{name}"
            );
        }
        let crossing = composer.compose(&samples::crossing(), Charts::Shown);
        assert!(crossing.unwrap().has_chart);
    }

    #[test]
    fn the_same_notice_is_the_same_mail() {
        let notice = samples::crossing();
        let first = compose(Subject::Telling, &notice);
        let second = compose(Subject::Telling, &notice);
        assert_eq!(first.formatted(), second.formatted());
    }

    #[test]
    fn mails_of_one_budget_and_period_share_a_thread() {
        let mail = |notice| {
            let mail = compose(Subject::PerThread, &notice);
            let header = |name| mail.headers().get_raw(name).unwrap().to_owned();
            (
                header("References"),
                header("Subject"),
                header("Message-ID"),
            )
        };
        let (crossing, correction) = (mail(samples::crossing()), mail(samples::correction()));
        assert_eq!(crossing.0, correction.0);
        assert_eq!(crossing.1, correction.1);
        assert_ne!(crossing.2, correction.2);
        let mut other = samples::crossing();
        other.thread = "payments-prod/monthly-2026-05-01/eve@contoso.example".into();
        assert_ne!(mail(other).0, crossing.0);
    }

    #[test]
    fn recipients_must_be_addresses() {
        let compose = |recipient: Option<&str>| {
            let notice = Notice {
                recipient: recipient.map(Into::into),
                ..samples::crossing()
            };
            composer(Subject::Telling).compose(&notice, Charts::Shown)
        };
        assert_eq!(compose(None).unwrap_err(), RenderError::NoRecipient);
        for bad in [
            "",
            "ada",
            "@contoso.example",
            "a@b@c",
            "owner@contoso.example\r\nBcc: evil@contoso.example",
            "owner@contoso.example, eve@contoso.example",
            "owner@contoso.example\0",
        ] {
            let error = compose(Some(bad)).unwrap_err();
            assert_eq!(error, RenderError::BadRecipient, "{bad:?}");
        }
        let composed = compose(Some(" \"Cost L\" <owner@contoso.example> ")).unwrap();
        assert_eq!(
            composed.mail.headers().get_raw("To"),
            Some("owner@contoso.example")
        );
    }
}
