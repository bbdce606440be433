//! Tokens of Microsoft Entra ID, as whoever calls our hook shows them.
//!
//! A token is a JWT signed by one of the keys that the tenant publishes. Only RS256 is taken, which
//! is what Entra signs access tokens with; what a token says about its own algorithm or key changes
//! nothing else. Claims: Microsoft identity platform, "Access token claims reference".

use std::collections::BTreeMap;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use url::Url;

use crate::config::Hook;
use crate::sources::http;

/// Longest token that is looked at.
const LONGEST_TOKEN: usize = 16 << 10;
/// Longest document of a tenant that is read; a set of keys has about 20 KB.
const LONGEST_DOCUMENT: usize = 256 << 10;
/// How far clocks may be apart.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// Keys are asked for again after this, to drop those that the tenant has dropped.
const KEYS_AGE_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// A key that is not known is asked for no more often than this, whoever makes keys up.
const ASK_NO_SOONER_THAN: SignedDuration = SignedDuration::from_mins(5);
/// How long the tenant may take to answer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// Says whether a token is one of a tenant's for us.
pub(crate) struct Tokens {
    hook: Hook,
    keys: Mutex<Keys>,
}

/// Why a caller is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// It shows no token, or none for us. The text is for the log and names no part of a signature.
    #[error("{0}")]
    Refused(String),
    /// The tenant's keys could not be asked for, so nobody knows.
    #[error("the keys of the tenant cannot be read")]
    Unknown(#[source] anyhow::Error),
}

#[derive(Default)]
struct Keys {
    by_id: BTreeMap<String, Key>,
    read_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
}

/// A public RSA key: modulus and exponent, big-endian.
#[derive(Clone)]
struct Key {
    n: Vec<u8>,
    e: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that have to be understood; we understand none.
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    exp: i64,
    nbf: Option<i64>,
    tid: Option<String>,
    /// The calling application, in tokens of version 1.
    appid: Option<String>,
    /// The same in version 2.
    azp: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
}

impl Tokens {
    pub(crate) fn new(hook: Hook) -> Tokens {
        Tokens {
            hook,
            keys: Mutex::default(),
        }
    }

    /// Lets a caller in that shows a token for us in its `Authorization` header.
    pub(crate) async fn check(
        &self,
        authorization: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Denied> {
        let refuse = |why: &str| Denied::Refused(why.to_owned());
        let shown = authorization.ok_or_else(|| refuse("it shows no token"))?;
        let (kind, token) = shown.trim().split_once(' ').unwrap_or((shown, ""));
        if !kind.eq_ignore_ascii_case("Bearer") || token.is_empty() {
            return Err(refuse("its Authorization header is no bearer token"));
        }
        if token.len() > LONGEST_TOKEN {
            return Err(refuse("its token is longer than any of Entra's"));
        }
        let (signed, signature) = token
            .trim()
            .rsplit_once('.')
            .ok_or_else(|| refuse("its token is no JWT"))?;
        let (header, claims) = signed
            .split_once('.')
            .ok_or_else(|| refuse("its token is no JWT"))?;
        let header: Header = decoded(header).ok_or_else(|| refuse("its token has no header"))?;
        if header.alg != "RS256" || header.crit.is_some() {
            return Err(refuse("its token is not signed with RS256"));
        }
        let id = header.kid.ok_or_else(|| refuse("its token names no key"))?;
        let key = self.key(&id, now).await?;
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| refuse("its token has no signature"))?;
        let key = RsaPublicKeyComponents { n: key.n, e: key.e };
        key.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature)
            .map_err(|_| refuse("its token is not signed by the key it names"))?;
        let claims: Claims =
            decoded(claims).ok_or_else(|| refuse("its token lacks iss, aud or exp"))?;
        self.check_claims(&claims, now).map_err(Denied::Refused)
    }

    fn check_claims(&self, claims: &Claims, now: Timestamp) -> Result<(), String> {
        let hook = &self.hook;
        let moment = |seconds: i64| Timestamp::from_second(seconds).unwrap_or(Timestamp::MIN);
        if now.duration_since(moment(claims.exp)) > SKEW {
            return Err(format!("its token expired at {}", moment(claims.exp)));
        }
        if let Some(from) = claims.nbf.map(moment)
            && from.duration_since(now) > SKEW
        {
            return Err(format!("its token holds from {from} on"));
        }
        if !self.issuers().contains(&claims.iss) {
            return Err(format!("its token comes from {}", shorten(&claims.iss)));
        }
        let is_tenant = |tenant: &String| tenant.eq_ignore_ascii_case(&hook.tenant);
        if !claims.tid.as_ref().is_none_or(is_tenant) {
            return Err("its token is of another tenant".to_owned());
        }
        // Version 1 names an application by its URI, version 2 by its client id.
        let plain = |audience: &str| {
            let audience = audience.trim_end_matches('/').to_ascii_lowercase();
            audience
                .strip_prefix("api://")
                .unwrap_or(&audience)
                .to_owned()
        };
        if plain(&claims.aud) != plain(&hook.audience) {
            return Err(format!("its token is for {}", shorten(&claims.aud)));
        }
        let caller = claims.azp.as_ref().or(claims.appid.as_ref());
        let caller = caller.map(|id| id.to_ascii_lowercase()).unwrap_or_default();
        if !hook.callers.contains(&caller) {
            return Err(format!(
                "its token is of the application `{}`",
                shorten(&caller)
            ));
        }
        if !claims.roles.contains(&hook.role) {
            return Err(format!("its token lacks the role {}", hook.role));
        }
        Ok(())
    }

    /// Who issues the tenant's tokens: the names of versions 2 and 1.
    fn issuers(&self) -> [String; 2] {
        let Hook {
            authority, tenant, ..
        } = &self.hook;
        let authority = authority.as_str().trim_end_matches('/');
        let older = match self.hook.authority.host_str() {
            Some(host) if host.ends_with(".cn") => "https://sts.chinacloudapi.cn",
            _ => "https://sts.windows.net",
        };
        [
            format!("{authority}/{tenant}/v2.0"),
            format!("{older}/{tenant}/"),
        ]
    }

    /// The key of this id, asked for if it is not known or was read long ago.
    async fn key(&self, id: &str, now: Timestamp) -> Result<Key, Denied> {
        let mut keys = self.keys.lock().await;
        let is_over = |at: Option<Timestamp>, span: SignedDuration| {
            at.is_none_or(|at| now.duration_since(at) >= span)
        };
        let known = keys.by_id.get(id).cloned();
        let is_old = is_over(keys.read_at, KEYS_AGE_AFTER);
        let may_ask = is_over(keys.tried_at, ASK_NO_SOONER_THAN);
        let mut failure = None;
        if (known.is_none() || is_old) && may_ask {
            keys.tried_at = Some(now);
            match read_keys(&self.hook).await {
                Ok(by_id) => {
                    keys.by_id = by_id;
                    keys.read_at = Some(now);
                    let found = keys.by_id.get(id).cloned();
                    return found.ok_or_else(|| unknown_key(id));
                }
                Err(error) => failure = Some(error),
            }
        }
        match (known, failure) {
            // A key that was good yesterday is better than turning everybody away.
            (Some(key), failure) => {
                if let Some(error) = failure {
                    let error = format!("{error:#}");
                    tracing::warn!(error, "the keys of the tenant cannot be read again");
                }
                Ok(key)
            }
            (None, Some(error)) => Err(Denied::Unknown(error)),
            (None, None) if keys.read_at.is_none() => Err(Denied::Unknown(anyhow::anyhow!(
                "they could not be read a moment ago"
            ))),
            (None, None) => Err(unknown_key(id)),
        }
    }
}

fn unknown_key(id: &str) -> Denied {
    Denied::Refused(format!(
        "its token is signed by the key `{}`, which the tenant does not publish",
        shorten(id)
    ))
}

fn decoded<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn shorten(text: &str) -> String {
    let plain = text.chars().filter(|c| !c.is_control());
    plain.take(100).collect()
}

#[derive(Deserialize)]
struct OpenIdConfiguration {
    jwks_uri: Url,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<PublishedKey>,
}

#[derive(Deserialize)]
struct PublishedKey {
    #[serde(default)]
    kty: String,
    #[serde(default)]
    kid: String,
    #[serde(rename = "use", default)]
    purpose: Option<String>,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
}

/// Asks the tenant where its keys are, and for them.
async fn read_keys(hook: &Hook) -> anyhow::Result<BTreeMap<String, Key>> {
    let mut address = hook.authority.clone();
    address
        .path_segments_mut()
        .map_err(|()| anyhow::anyhow!("{} has no path", hook.authority))?
        .pop_if_empty()
        .extend([&*hook.tenant, "v2.0", ".well-known", "openid-configuration"]);
    let configuration: OpenIdConfiguration = read(&address).await?;
    let keys = configuration.jwks_uri;
    // Keys from elsewhere would be anybody's.
    anyhow::ensure!(
        keys.origin() == address.origin(),
        "the keys of the tenant are said to be at {}, which is not {}",
        keys.origin().ascii_serialization(),
        address.origin().ascii_serialization()
    );
    let set: KeySet = read(&keys).await?;
    let is_usable = |key: &PublishedKey| {
        key.kty == "RSA" && !key.kid.is_empty() && key.purpose.as_deref() != Some("enc")
    };
    let usable = set.keys.into_iter().filter(is_usable).filter_map(|key| {
        let n = URL_SAFE_NO_PAD.decode(key.n).ok()?;
        let e = URL_SAFE_NO_PAD.decode(key.e).ok()?;
        Some((key.kid, Key { n, e }))
    });
    let keys: BTreeMap<String, Key> = usable.collect();
    anyhow::ensure!(
        !keys.is_empty(),
        "{} holds no RSA keys",
        keys_place(&address)
    );
    Ok(keys)
}

fn keys_place(address: &Url) -> String {
    format!(
        "the set of keys of {}",
        address.origin().ascii_serialization()
    )
}

async fn read<T: DeserializeOwned>(address: &Url) -> anyhow::Result<T> {
    let ask = async {
        let request = http()?.get(address.clone()).timeout(PATIENCE);
        let mut answer = request.send().await?.error_for_status()?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            body.extend_from_slice(&chunk);
            anyhow::ensure!(body.len() <= LONGEST_DOCUMENT, "the answer is too long");
        }
        Ok(serde_json::from_slice(&body)?)
    };
    ask.await.with_context(|| format!("read {address}"))
}
