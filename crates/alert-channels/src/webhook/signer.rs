//! Signatures of Standard Webhooks: `v1` by HMAC-SHA256, `v1a` by ed25519.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, Mac};
use ring::signature::{Ed25519KeyPair, KeyPair};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;

use crate::channel::ConfigError;

/// Signs webhooks with one or more keys.
///
/// ```
/// use alert_channels::webhook::Signer;
/// let signer = Signer::new(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()]).unwrap();
/// assert_eq!(
///     signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b"{\"test\": 2432232314}"),
///     "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
/// );
/// ```
pub struct Signer {
    keys: Vec<Key>,
}

enum Key {
    /// Known to both sides.
    Symmetric(SecretSlice<u8>),
    /// The receiver knows the public half.
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    /// Keys written as `whsec_` and base64 of 24 to 64 bytes, or as `whsk_` and base64 of an ed25519
    /// key: its 32 bytes, or 64 bytes with the public key behind them, which must be its own. At
    /// least one.
    pub fn new(secrets: &[SecretString]) -> Result<Signer, ConfigError> {
        if secrets.is_empty() {
            return Err(ConfigError::SigningSecret { number: 1 });
        }
        let keys = secrets.iter().enumerate().map(|(index, secret)| {
            let key = Key::parse(secret.expose_secret().trim());
            key.ok_or(ConfigError::SigningSecret { number: index + 1 })
        });
        Ok(Signer {
            keys: keys.collect::<Result<_, _>>()?,
        })
    }

    /// The value of `webhook-signature` for a message: one signature for each key, in their order.
    /// `timestamp` is in seconds since 1970.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut signed = format!("{id}.{timestamp}.").into_bytes();
        signed.extend_from_slice(body);
        let signatures = self.keys.iter().map(|key| key.sign(&signed));
        signatures.collect::<Vec<_>>().join(" ")
    }

    /// What receivers check the signatures of ed25519 keys with, in their order: `whpk_` and base64
    /// of 32 bytes. No secrets.
    ///
    /// ```
    /// use alert_channels::webhook::Signer;
    /// let key = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=";
    /// let signer = Signer::new(&[key.into()]).unwrap();
    /// let public = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
    /// assert_eq!(signer.public_keys(), [public]);
    /// ```
    pub fn public_keys(&self) -> Vec<String> {
        let pairs = self.keys.iter().filter_map(|key| match key {
            Key::Symmetric(_) => None,
            Key::Ed25519(pair) => Some(pair),
        });
        let texts = pairs.map(|pair| format!("whpk_{}", STANDARD.encode(pair.public_key())));
        texts.collect()
    }
}

impl Key {
    fn parse(text: &str) -> Option<Key> {
        let bytes = |text: &str| -> Option<SecretSlice<u8>> {
            let bytes = STANDARD
                .decode(text)
                .or_else(|_| STANDARD_NO_PAD.decode(text));
            bytes.ok().map(SecretSlice::from)
        };
        if let Some(text) = text.strip_prefix("whsec_") {
            let key = bytes(text)?;
            let length = key.expose_secret().len();
            return (24..=64).contains(&length).then_some(Key::Symmetric(key));
        }
        let key = bytes(text.strip_prefix("whsk_")?)?;
        let key = key.expose_secret();
        let pair = match key.len() {
            32 => Ed25519KeyPair::from_seed_unchecked(key),
            64 => {
                let (seed, public) = key.split_at(32);
                Ed25519KeyPair::from_seed_and_public_key(seed, public)
            }
            _ => return None,
        };
        pair.ok().map(Key::Ed25519)
    }

    fn sign(&self, signed: &[u8]) -> String {
        match self {
            Key::Symmetric(key) => {
                let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret())
                    .expect("HMAC takes keys of any length");
                mac.update(signed);
                format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
            }
            Key::Ed25519(pair) => format!("v1a,{}", STANDARD.encode(pair.sign(signed))),
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer with {} keys", self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the Svix server for ed25519, with the key in both forms.
    const PAIR: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
    const SEED: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=";
    const SHARED: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &[u8] = b"{\"test\": 2432232314}";
    const BY_PAIR: &str = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";
    const BY_SHARED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn sign(secrets: &[&str]) -> String {
        let secrets: Vec<SecretString> = secrets.iter().map(|text| (*text).into()).collect();
        let signer = Signer::new(&secrets).unwrap();
        signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, BODY)
    }

    #[test]
    fn published_vectors_of_both_algorithms_are_met() {
        assert_eq!(sign(&[PAIR]), BY_PAIR);
        assert_eq!(sign(&[SEED]), BY_PAIR);
        assert_eq!(sign(&[SHARED]), BY_SHARED);
    }

    #[test]
    fn while_keys_change_old_and_new_ones_sign() {
        let both = format!("{BY_PAIR} {BY_SHARED}");
        assert_eq!(sign(&[SEED, SHARED]), both);
        let signer = Signer::new(&[SHARED.into(), SEED.into(), PAIR.into()]).unwrap();
        let public = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
        assert_eq!(signer.public_keys(), [public, public]);
        assert_eq!(format!("{signer:?}"), "Signer with 3 keys");
    }

    #[test]
    fn secrets_that_are_no_keys_are_refused_without_repeating_them() {
        let zeros = |count: usize| STANDARD.encode(vec![0; count]);
        for bad in [
            String::new(),
            "c4n4ry".into(),
            "whsec_".into(),
            "whsec_c4n4ry".into(),
            "whsec_!!!!".into(),
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(),
            format!("whsec_{}", zeros(23)),
            format!("whsec_{}", zeros(65)),
            "whsk_c4n4ry".into(),
            format!("whsk_{}", zeros(31)),
            format!("whsk_{}", zeros(33)),
            // Not the public half of that key.
            format!("whsk_{}", zeros(64)),
            "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=".into(),
        ] {
            let error = Signer::new(&[SHARED.into(), bad.as_str().into()]).unwrap_err();
            assert_eq!(error, ConfigError::SigningSecret { number: 2 }, "{bad}");
        }
        assert!(Signer::new(&[]).is_err());
    }
}
