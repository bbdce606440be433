//! Sign-in: the sandbox hands out tokens, checks them, and knows who lacks a role.

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::Sha256;

use super::answer::{Answer, Handled, Refusal};
use super::operation::Call;
use super::request::Request;
use super::state::Sandbox;

/// The tenant of the sandbox.
pub const TENANT: &str = "3c6f5d0e-8b1a-4d27-9f64-52e0a7c1b983";

/// What tokens and links are signed with. It guards made-up data only.
const KEY: &[u8] = b"azure-sandbox";

/// How long a token lasts, in seconds.
const LIFETIME: i64 = 3600;

/// Audiences of Azure's resource managers and of storage.
const AUDIENCES: [&str; 5] = [
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://management.usgovcloudapi.net",
    "https://management.chinacloudapi.cn",
    "https://storage.azure.com",
];

/// Who lacks a role: at a scope and below it, reading or only changing is refused with 403.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denial {
    /// The scope, for example `/subscriptions/{id}`.
    pub scope: String,
    /// Whether reading is allowed.
    #[serde(default)]
    pub may_read: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    exp: i64,
    nbf: i64,
    tid: String,
    oid: String,
}

/// A token for an audience such as `https://management.azure.com`, good for an hour: what the
/// sandbox's own sign-in hands out.
pub fn token(audience: &str) -> String {
    issue(audience, Timestamp::now().as_second())
}

fn issue(audience: &str, now: i64) -> String {
    sign_claims(&Claims {
        aud: audience.to_owned(),
        iss: issuer(),
        exp: now + LIFETIME,
        nbf: now,
        tid: TENANT.to_owned(),
        oid: "00000000-0000-0000-0000-000000000001".to_owned(),
    })
}

fn issuer() -> String {
    format!("https://sts.windows.net/{TENANT}/")
}

fn sign_claims(claims: &Claims) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = serde_json::to_vec(claims).expect("claims are JSON");
    let text = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    let signature = signature(&text);
    format!("{text}.{signature}")
}

/// The signature of a text, with letters that stand in links.
pub(super) fn signature(text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).expect("a key may have any length");
    mac.update(text.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// Whether a signature is that of a text.
pub(super) fn is_signed(text: &str, signature: &str) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).expect("a key may have any length");
    mac.update(text.as_bytes());
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
    mac.verify_slice(&bytes).is_ok()
}

/// The code and the message of Azure's refusal, if the request's token does not do.
pub(super) fn check_token(request: &Request) -> Result<(), Refusal> {
    check_token_at(request, Timestamp::now().as_second())
}

fn check_token_at(request: &Request, now: i64) -> Result<(), Refusal> {
    let refusal = |code, message| Err(Refusal::new(StatusCode::UNAUTHORIZED, code, message));
    let Some(value) = request.header(AUTHORIZATION.as_str()) else {
        let message = "Authentication failed. The 'Authorization' header is missing.";
        return refusal("AuthenticationFailed", message);
    };
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        let message = "Authentication failed. The 'Authorization' header is not a bearer token.";
        return refusal("AuthenticationFailed", message);
    }
    let Some(claims) = read_claims(token) else {
        return refusal("InvalidAuthenticationToken", "The access token is invalid.");
    };
    if claims.iss != issuer() {
        let message = "The access token is from the wrong issuer.";
        return refusal("InvalidAuthenticationTokenTenant", message);
    }
    let audience = claims.aud.trim_end_matches('/');
    if !AUDIENCES.contains(&audience) && audience != request.base() {
        let message = "The access token has been obtained for the wrong audience or resource.";
        return refusal("InvalidAuthenticationTokenAudience", message);
    }
    if claims.exp <= now {
        return refusal(
            "ExpiredAuthenticationToken",
            "The access token expiry UTC time is over.",
        );
    }
    Ok(())
}

fn read_claims(token: &str) -> Option<Claims> {
    let (text, signature) = token.rsplit_once('.')?;
    let (_, claims) = text.split_once('.')?;
    if !is_signed(text, signature) {
        return None;
    }
    read_part(claims)
}

/// Azure's 401, which names the place to sign in.
pub(super) fn unauthorized(refusal: Refusal) -> Response {
    let place = format!(
        "Bearer authorization_uri=\"https://login.windows.net/{TENANT}\", error=\"invalid_token\""
    );
    let mut response = refusal.into_response();
    if let Ok(value) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    response
}

/// Refuses a caller that lacks a role.
pub(super) fn check_role(call: &Call) -> Result<(), Refusal> {
    let Some(scope) = &call.scope else {
        return Ok(());
    };
    let mut denials = call.sandbox.options.denials.iter();
    let is_denied = |denial: &Denial| {
        scope.is_within(&denial.scope) && (call.operation.writes || !denial.may_read)
    };
    if !denials.any(is_denied) {
        return Ok(());
    }
    let code = if scope.kind.is_billing() {
        "BillingAccessDenied"
    } else {
        "RBACAccessDenied"
    };
    let action = call.operation.name;
    let message = format!("The client does not have authorization to perform {action}.");
    Err(Refusal::new(StatusCode::FORBIDDEN, code, message))
}

/// The endpoints that hand out tokens: `None` if the request is for none of them.
pub(super) fn hand_out(sandbox: &Sandbox, request: &Request) -> Option<Handled> {
    let parts: Vec<&str> = request.segments.iter().map(|part| &**part).collect();
    Some(match parts[..] {
        ["msi", "token"] => managed_identity(sandbox, request),
        [tenant, "oauth2", "v2.0", "token"] => client_credentials(sandbox, request, tenant),
        _ => return None,
    })
}

/// The token endpoint of App Service, version 2019-08-01.
fn managed_identity(sandbox: &Sandbox, request: &Request) -> Handled {
    if request.header("x-identity-header") != Some(&*sandbox.options.identity_secret) {
        let message = "The X-IDENTITY-HEADER is missing or wrong.";
        return Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "invalid_request",
            message,
        ));
    }
    if request.parameter("api-version") != Some("2019-08-01") {
        return Err(Refusal::bad_request("The api-version must be 2019-08-01."));
    }
    let Some(resource) = request.parameter("resource") else {
        return Err(Refusal::bad_request("The resource is missing."));
    };
    let now = Timestamp::now().as_second();
    Ok(Answer::json(&json!({
        "access_token": issue(resource, now),
        "expires_on": (now + LIFETIME).to_string(),
        "not_before": now.to_string(),
        "resource": resource,
        "token_type": "Bearer",
        "client_id": request.parameter("client_id").unwrap_or("sandbox"),
    })))
}

/// The token endpoint of Microsoft Entra, for client credentials with a secret or an assertion.
fn client_credentials(sandbox: &Sandbox, request: &Request, tenant: &str) -> Handled {
    let refusal = |status, error: &str, description: &str| {
        let body = json!({"error": error, "error_description": description});
        Ok(Answer::json(&body).with_status(status))
    };
    let (bad, unknown) = (StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED);
    if !tenant.eq_ignore_ascii_case(TENANT) {
        let message = format!("AADSTS90002: Tenant '{tenant}' not found.");
        return refusal(bad, "invalid_request", &message);
    }
    let form = form(&request.body);
    let value = |name: &str| {
        let mut form = form.iter();
        form.find(|(key, _)| key == name)
            .map_or("", |(_, value)| value)
    };
    if value("grant_type") != "client_credentials" {
        return refusal(
            bad,
            "unsupported_grant_type",
            "AADSTS70003: only client_credentials.",
        );
    }
    let proven = if value("client_assertion_type").is_empty() {
        (value("client_secret") == sandbox.options.client_secret)
            .then_some(())
            .ok_or("AADSTS7000215: Invalid client secret provided.")
    } else {
        let now = Timestamp::now().as_second();
        check_assertion(&value, now)
    };
    if let Err(message) = proven {
        return refusal(unknown, "invalid_client", message);
    }
    let Some(audience) = value("scope").strip_suffix("/.default") else {
        let message = "AADSTS1002012: The scope must end in /.default.";
        return refusal(bad, "invalid_scope", message);
    };
    Ok(Answer::json(&json!({
        "token_type": "Bearer",
        "expires_in": LIFETIME,
        "ext_expires_in": LIFETIME,
        "access_token": token(audience),
    })))
}

#[derive(Deserialize)]
struct AssertionHeader {
    alg: String,
    #[serde(rename = "x5t#S256")]
    thumbprint: String,
}

#[derive(Deserialize)]
struct AssertionClaims {
    aud: String,
    iss: String,
    sub: String,
    nbf: i64,
    exp: i64,
}

/// What is wrong with the form's assertion, signed with a certificate. Everything is looked at
/// but the signature: any certificate is taken for one that the application has registered.
fn check_assertion<'a>(value: &impl Fn(&str) -> &'a str, now: i64) -> Result<(), &'static str> {
    if value("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
        return Err("AADSTS50027: The client_assertion_type must be jwt-bearer.");
    }
    let parts: Vec<&str> = value("client_assertion").split('.').collect();
    let [header, claims, signature] = parts[..] else {
        return Err("AADSTS50027: JWT token is invalid or malformed.");
    };
    let header = read_part::<AssertionHeader>(header);
    let claims = read_part::<AssertionClaims>(claims);
    let (Some(header), Some(claims)) = (header, claims) else {
        return Err("AADSTS50027: JWT token is invalid or malformed.");
    };
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).map_or(0, |bytes| bytes.len());
    if header.alg != "PS256" || bytes(&header.thumbprint) != 32 || bytes(signature) < 256 {
        return Err("AADSTS700027: The certificate or the signature of the assertion is invalid.");
    }
    if claims.iss != value("client_id") || claims.sub != claims.iss {
        return Err("AADSTS700021: Issuer and subject of the assertion must be the application.");
    }
    // The host differs by cloud, and here it is not even one of them.
    let endpoint = format!("/{TENANT}/oauth2/v2.0/token");
    if !claims.aud.starts_with("https://") || !claims.aud.ends_with(&endpoint) {
        return Err("AADSTS700023: The assertion is for another audience.");
    }
    if claims.nbf > now || claims.exp <= now {
        return Err("AADSTS700024: The assertion is not within its valid time range.");
    }
    Ok(())
}

fn read_part<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn form(body: &Bytes) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(body);
    let uri = format!("/?{text}").parse();
    let pairs = uri.map(|uri| axum::extract::Query::try_from_uri(&uri).map(|pairs| pairs.0));
    match pairs {
        Ok(Ok(pairs)) => pairs,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, Method};

    use super::*;

    fn request(authorization: Option<&str>) -> Request {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        Request::new(Method::GET, &"/".parse().unwrap(), headers, Bytes::new())
    }

    fn code(authorization: Option<&str>, now: i64) -> Option<String> {
        let checked = check_token_at(&request(authorization), now);
        checked.err().map(|refusal| refusal.code)
    }

    #[test]
    fn only_our_own_tokens_for_the_right_place_and_time_will_do() {
        let good = format!("Bearer {}", issue("https://management.azure.com/", 1000));
        assert_eq!(code(Some(&good), 1001), None);
        assert_eq!(
            code(Some(&good), 1000 + LIFETIME).unwrap(),
            "ExpiredAuthenticationToken"
        );
        assert_eq!(code(None, 1).unwrap(), "AuthenticationFailed");
        assert_eq!(code(Some("Basic abc"), 1).unwrap(), "AuthenticationFailed");
        assert_eq!(
            code(Some("Bearer a.b.c"), 1).unwrap(),
            "InvalidAuthenticationToken"
        );
        let graph = format!("Bearer {}", issue("https://graph.microsoft.com", 1000));
        assert_eq!(
            code(Some(&graph), 1001).unwrap(),
            "InvalidAuthenticationTokenAudience"
        );
        // A token whose claims were exchanged after signing.
        let (head, rest) = good.split_once('.').unwrap();
        let (_, signature) = rest.split_once('.').unwrap();
        let claims = issue("https://management.azure.com", 9_000_000);
        let claims = claims.split('.').nth(1).unwrap();
        let forged = format!("{head}.{claims}.{signature}");
        assert_eq!(
            code(Some(&forged), 1001).unwrap(),
            "InvalidAuthenticationToken"
        );
        let foreign = sign_claims(&Claims {
            aud: AUDIENCES[0].to_owned(),
            iss: "https://sts.windows.net/other/".to_owned(),
            exp: i64::MAX,
            nbf: 0,
            tid: String::new(),
            oid: String::new(),
        });
        let foreign = format!("Bearer {foreign}");
        assert_eq!(
            code(Some(&foreign), 1).unwrap(),
            "InvalidAuthenticationTokenTenant"
        );
    }

    #[test]
    fn an_assertion_must_be_whole_and_meant_for_this_place_and_time() {
        let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": "A".repeat(43)});
        let claims = json!({
            "aud": format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"),
            "iss": "client", "sub": "client", "nbf": 1000, "exp": 1600,
        });
        let signature = "A".repeat(342);
        let check = |header: &serde_json::Value, claims: &serde_json::Value, now| {
            let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let assertion = format!("{}.{}.{signature}", part(header), part(claims));
            let value = |name: &str| match name {
                "client_assertion_type" => "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion" => assertion.as_str(),
                "client_id" => "client",
                _ => "",
            };
            check_assertion(&value, now)
        };
        assert_eq!(check(&header, &claims, 1000), Ok(()));
        assert_eq!(check(&header, &claims, 1599), Ok(()));
        let code =
            |checked: Result<(), &'static str>| checked.unwrap_err().split_once(':').unwrap().0;
        assert_eq!(code(check(&header, &claims, 999)), "AADSTS700024");
        assert_eq!(code(check(&header, &claims, 1600)), "AADSTS700024");
        let with = |whole: &serde_json::Value, name: &str, value: &str| {
            let mut changed = whole.clone();
            changed[name] = value.into();
            changed
        };
        for (name, value, expected) in [
            (
                "aud",
                "https://login.microsoftonline.com/other/oauth2/v2.0/token",
                "AADSTS700023",
            ),
            ("iss", "another", "AADSTS700021"),
            ("sub", "another", "AADSTS700021"),
            ("nbf", "text", "AADSTS50027"),
        ] {
            let claims = with(&claims, name, value);
            assert_eq!(code(check(&header, &claims, 1000)), expected, "{name}");
        }
        for (name, value) in [("alg", "none"), ("x5t#S256", "AAAA")] {
            let header = with(&header, name, value);
            assert_eq!(
                code(check(&header, &claims, 1000)),
                "AADSTS700027",
                "{name}"
            );
        }
    }
}
