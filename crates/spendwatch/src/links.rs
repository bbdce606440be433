//! Links in messages: signed, for one purpose, one thing and one reader, and not for ever.
//!
//! A link is as good as a key, so it goes only to where the notice goes. Opening one changes nothing,
//! because mail scanners open links; what acts is a POST. Each purpose has a key of its own, derived
//! from the configured one, so that a link to look never becomes a link to act. What makes a link good
//! once is what it does: a second approval or acknowledgement finds that somebody was first.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use url::Url;

/// Shortest key, in bytes.
const SHORTEST_KEY: usize = 32;

/// What a link permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To approve an action.
    ApproveAction,
    /// To say that one knows of an alert.
    Acknowledge,
    /// To hold an alert's notices back for a while.
    Silence,
    /// To see what an alert rests on.
    Explain,
    /// To see where the budget stands.
    Status,
}

impl Purpose {
    /// All.
    pub const ALL: [Purpose; 5] = [
        Purpose::ApproveAction,
        Purpose::Acknowledge,
        Purpose::Silence,
        Purpose::Explain,
        Purpose::Status,
    ];

    /// The word in the link.
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::ApproveAction => "approve-action",
            Purpose::Acknowledge => "acknowledge",
            Purpose::Silence => "silence",
            Purpose::Explain => "explain",
            Purpose::Status => "status",
        }
    }

    /// The purpose of this word.
    pub fn parse(word: &str) -> Option<Purpose> {
        Purpose::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

/// What a link says. `Debug` leaves the signature out.
#[derive(Clone, PartialEq, Eq)]
pub struct Permission {
    /// What it permits.
    pub purpose: Purpose,
    /// What it is about: the id of an action, or budget, period and transition of an alert.
    pub about: String,
    /// When it ends, in seconds of Unix time.
    pub expires: i64,
    /// Id of the delivery that carried it, so that the record says whose link it was.
    pub delivery: String,
    /// The signature, as base64 for URLs.
    pub mac: String,
}

impl std::fmt::Debug for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permission")
            .field("purpose", &self.purpose)
            .field("about", &self.about)
            .field("expires", &self.expires)
            .field("delivery", &self.delivery)
            .finish_non_exhaustive()
    }
}

/// Why a link permits nothing. It does not say which part is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLink {
    /// The signature is not ours, or not for this.
    #[error("this link is not valid")]
    Forged,
    /// It is too late.
    #[error("this link is no longer good")]
    Expired,
}

/// Signs and checks links that lead to one page.
pub(crate) struct Signer {
    key: SecretString,
    /// Address of the page; `None` where nobody could reach it.
    page: Option<Url>,
}

impl Signer {
    /// A signer with a key of at least 32 characters. `table` is the one of the configuration that
    /// names the key.
    pub(crate) fn new(table: &str, key: SecretString, page: Option<Url>) -> anyhow::Result<Signer> {
        anyhow::ensure!(
            key.expose_secret().len() >= SHORTEST_KEY,
            "the key of [{table}] is too short: it has at least {SHORTEST_KEY} characters, \
             for example from `openssl rand -base64 32`"
        );
        Ok(Signer { key, page })
    }

    /// Whether there is an address to lead to.
    pub(crate) fn has_page(&self) -> bool {
        self.page.is_some()
    }

    /// A link, if there is an address to lead to.
    pub(crate) fn link(
        &self,
        purpose: Purpose,
        about: &str,
        delivery: &str,
        expires: Timestamp,
    ) -> Option<Url> {
        let mut url = self.page.clone()?;
        let expires = expires.as_second();
        let mac = self.mac(purpose, about, expires, delivery);
        let mac = mac.finalize().into_bytes();
        url.query_pairs_mut()
            .append_pair("for", purpose.as_str())
            .append_pair("about", about)
            .append_pair("expires", &expires.to_string())
            .append_pair("delivery", delivery)
            .append_pair("mac", &URL_SAFE_NO_PAD.encode(mac));
        Some(url)
    }

    /// Whether a link is ours and still good. The comparison takes the same time for every signature.
    pub(crate) fn check(&self, permission: &Permission, now: Timestamp) -> Result<(), BadLink> {
        let mac = URL_SAFE_NO_PAD.decode(&permission.mac);
        let mac = mac.map_err(|_| BadLink::Forged)?;
        self.mac(
            permission.purpose,
            &permission.about,
            permission.expires,
            &permission.delivery,
        )
        .verify_slice(&mac)
        .map_err(|_| BadLink::Forged)?;
        if now.as_second() >= permission.expires {
            return Err(BadLink::Expired);
        }
        Ok(())
    }

    /// Under the key of the purpose. The parts are told apart by a byte that none of them holds.
    fn mac(&self, purpose: Purpose, about: &str, expires: i64, delivery: &str) -> Hmac<Sha256> {
        let keyed = |key: &[u8]| {
            Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length")
        };
        let mut own_key = keyed(self.key.expose_secret().as_bytes());
        own_key.update(b"spendwatch link to ");
        own_key.update(purpose.as_str().as_bytes());
        let mut mac = keyed(&own_key.finalize().into_bytes());
        for part in [about, &expires.to_string(), delivery] {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        mac
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = self.page.as_ref().and_then(Url::host_str);
        f.debug_struct("Signer")
            .field("host", &host)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const NOW: i64 = 1_800_000_000;
    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn signer(key: &str) -> Signer {
        let url = "https://cost.contoso.example/api/answer".parse();
        Signer::new("links", key.into(), Some(url.unwrap())).unwrap()
    }

    fn permission(signer: &Signer, purpose: Purpose) -> Permission {
        let link = signer.link(purpose, "7f3a", "91c0", at(NOW + 60)).unwrap();
        let part = |name: &str| {
            let mut pairs = link.query_pairs();
            pairs.find(|(key, _)| key == name).unwrap().1.into_owned()
        };
        Permission {
            purpose: Purpose::parse(&part("for")).unwrap(),
            about: part("about"),
            expires: part("expires").parse().unwrap(),
            delivery: part("delivery"),
            mac: part("mac"),
        }
    }

    #[test]
    fn a_signature_is_hmac_sha256_under_the_key_of_its_purpose() {
        // P=$(printf 'spendwatch link to approve-action' |
        //   openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef -binary | xxd -p -c 100)
        // printf '7f3a\0001800000060\00091c0\000' |
        //   openssl dgst -sha256 -mac HMAC -macopt hexkey:$P -binary | basenc --base64url
        let signed = permission(&signer(KEY), Purpose::ApproveAction);
        assert_eq!(signed.mac, "8mXkBVEkiGISdX36UIN6iWTd8JwS00dp5qm0G2MiuHk");
    }

    #[test]
    fn nothing_of_a_link_can_be_changed() {
        let signer = signer(KEY);
        for purpose in Purpose::ALL {
            let good = permission(&signer, purpose);
            assert_eq!(signer.check(&good, at(NOW)), Ok(()));
            let (mut other, mut later, mut delivered) = (good.clone(), good.clone(), good.clone());
            other.about = "7f3b".to_owned();
            later.expires += 1;
            delivered.delivery = "91c1".to_owned();
            let mut shifted = good.clone();
            (shifted.about, shifted.delivery) = ("7f3".to_owned(), "a91c0".to_owned());
            for mac in ["", "AAAA", "not base64!", &good.mac[..20]] {
                let mac = mac.to_owned();
                let cut = Permission {
                    mac,
                    ..good.clone()
                };
                assert_eq!(signer.check(&cut, at(NOW)), Err(BadLink::Forged));
            }
            for bad in [other, later, delivered, shifted] {
                assert_eq!(signer.check(&bad, at(NOW)), Err(BadLink::Forged));
            }
            for other in Purpose::ALL.into_iter().filter(|other| *other != purpose) {
                let bad = Permission {
                    purpose: other,
                    ..good.clone()
                };
                assert_eq!(signer.check(&bad, at(NOW)), Err(BadLink::Forged));
            }
        }
    }

    #[test]
    fn a_link_ends_at_its_second_and_with_its_key() {
        let signer_one = signer(KEY);
        let good = permission(&signer_one, Purpose::Acknowledge);
        assert_eq!(signer_one.check(&good, at(NOW + 59)), Ok(()));
        assert_eq!(signer_one.check(&good, at(NOW + 60)), Err(BadLink::Expired));
        let other = signer("another key of thirty-two letters");
        assert_eq!(other.check(&good, at(NOW)), Err(BadLink::Forged));
    }

    #[test]
    fn short_keys_are_refused_and_nothing_secret_is_shown() {
        let refused = Signer::new("links", "c4n4ry".into(), None).unwrap_err();
        assert!(refused.to_string().contains("[links]"));
        assert!(!refused.to_string().contains("c4n4ry"));
        let signer = signer("c4n4ry c4n4ry c4n4ry c4n4ry c4n4ry");
        assert!(!format!("{signer:?}").contains("c4n4ry"));
        let permission = permission(&signer, Purpose::Silence);
        assert!(!format!("{permission:?}").contains(&permission.mac));
    }
}
