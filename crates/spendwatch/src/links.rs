//! Links by which an action is approved: signed, for one action and one reader, and not for ever.
//!
//! A link is as good as a key, so it goes only to the destinations of the budget. Opening it changes
//! nothing, because mail scanners open links; what approves is a POST. It is good once, because the
//! approval is a conditional write that finds the action waiting.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use url::Url;

/// Shortest key, in bytes.
const SHORTEST_KEY: usize = 32;

/// Signs and checks links.
pub(crate) struct Approver {
    key: SecretString,
    /// Address of the function that shows and takes approvals; `None` where nobody could reach it.
    url: Option<Url>,
}

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// Id of the action.
    pub action: String,
    /// When it ends, in seconds of Unix time.
    pub expires: i64,
    /// Id of the delivery that carried it, so that the record says whose link it was.
    pub delivery: String,
    /// The signature, as base64 for URLs.
    pub mac: String,
}

/// Why a link approves nothing. It does not say which part is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLink {
    /// The signature is not ours, or not for this.
    #[error("this link is not valid")]
    Forged,
    /// It is too late.
    #[error("this link is no longer good")]
    Expired,
}

impl Approver {
    /// An approver with a key of at least 32 characters.
    pub(crate) fn new(key: SecretString, url: Option<Url>) -> anyhow::Result<Approver> {
        anyhow::ensure!(
            key.expose_secret().len() >= SHORTEST_KEY,
            "the key of [approval] is too short: it has at least {SHORTEST_KEY} characters, \
             for example from `openssl rand -base64 32`"
        );
        Ok(Approver { key, url })
    }

    /// A link, if there is an address to lead to.
    pub(crate) fn link(&self, action: &str, delivery: &str, expires: Timestamp) -> Option<Url> {
        let mut url = self.url.clone()?;
        let expires = expires.as_second();
        let mac = self.mac(action, expires, delivery).finalize().into_bytes();
        url.query_pairs_mut()
            .append_pair("action", action)
            .append_pair("expires", &expires.to_string())
            .append_pair("delivery", delivery)
            .append_pair("mac", &URL_SAFE_NO_PAD.encode(mac));
        Some(url)
    }

    /// Whether a link is ours and still good. The comparison takes the same time for every signature.
    pub(crate) fn check(&self, permission: &Permission, now: Timestamp) -> Result<(), BadLink> {
        let mac = URL_SAFE_NO_PAD.decode(&permission.mac);
        let mac = mac.map_err(|_| BadLink::Forged)?;
        self.mac(&permission.action, permission.expires, &permission.delivery)
            .verify_slice(&mac)
            .map_err(|_| BadLink::Forged)?;
        if now.as_second() >= permission.expires {
            return Err(BadLink::Expired);
        }
        Ok(())
    }

    /// The parts are told apart by a byte that none of them holds.
    fn mac(&self, action: &str, expires: i64, delivery: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose_secret().as_bytes())
            .expect("HMAC takes keys of any length");
        for part in ["approve-action", action, &expires.to_string(), delivery] {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        mac
    }
}

impl std::fmt::Debug for Approver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = self.url.as_ref().and_then(Url::host_str);
        f.debug_struct("Approver")
            .field("host", &host)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn approver(key: &str) -> Approver {
        let url = "https://cost.contoso.example/api/approve-action".parse();
        Approver::new(key.into(), Some(url.unwrap())).unwrap()
    }

    fn permission(approver: &Approver) -> Permission {
        let link = approver.link("7f3a", "91c0", at(NOW + 60)).unwrap();
        let part = |name: &str| {
            let mut pairs = link.query_pairs();
            pairs.find(|(key, _)| key == name).unwrap().1.into_owned()
        };
        Permission {
            action: part("action"),
            expires: part("expires").parse().unwrap(),
            delivery: part("delivery"),
            mac: part("mac"),
        }
    }

    #[test]
    fn a_signature_is_hmac_sha256_of_the_parts() {
        // printf 'approve-action\0007f3a\0001800000060\00091c0\000' |
        //   openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef -binary | basenc --base64url
        let approver = approver("0123456789abcdef0123456789abcdef");
        assert_eq!(
            permission(&approver).mac,
            "KQvXnyiqI_M3tjJ0xLElM6-stdu9wUAjdQNEbwFlqwU"
        );
    }

    #[test]
    fn nothing_of_a_link_can_be_changed() {
        let approver = approver("0123456789abcdef0123456789abcdef");
        let good = permission(&approver);
        assert_eq!(approver.check(&good, at(NOW)), Ok(()));
        let (mut other, mut later, mut delivered) = (good.clone(), good.clone(), good.clone());
        other.action = "7f3b".to_owned();
        later.expires += 1;
        delivered.delivery = "91c1".to_owned();
        let mut shifted = good.clone();
        (shifted.action, shifted.delivery) = ("7f3".to_owned(), "a91c0".to_owned());
        for mac in ["", "AAAA", "not base64!", &good.mac[..20]] {
            let mac = mac.to_owned();
            let cut = Permission {
                mac,
                ..good.clone()
            };
            assert_eq!(approver.check(&cut, at(NOW)), Err(BadLink::Forged));
        }
        for bad in [other, later, delivered, shifted] {
            assert_eq!(approver.check(&bad, at(NOW)), Err(BadLink::Forged));
        }
    }

    #[test]
    fn a_link_ends_at_its_second_and_with_its_key() {
        let approver_one = approver("0123456789abcdef0123456789abcdef");
        let good = permission(&approver_one);
        assert_eq!(approver_one.check(&good, at(NOW + 59)), Ok(()));
        assert_eq!(
            approver_one.check(&good, at(NOW + 60)),
            Err(BadLink::Expired)
        );
        let other = approver("another key of thirty-two letters");
        assert_eq!(other.check(&good, at(NOW)), Err(BadLink::Forged));
    }

    #[test]
    fn short_keys_are_refused_and_none_is_shown() {
        let refused = Approver::new("c4n4ry".into(), None).unwrap_err();
        assert!(!refused.to_string().contains("c4n4ry"));
        let approver = approver("c4n4ry c4n4ry c4n4ry c4n4ry c4n4ry");
        assert!(!format!("{approver:?}").contains("c4n4ry"));
    }
}
