//! Signing in with a certificate.
//!
//! The library's own certificate credential needs OpenSSL, so the assertion that proves who we
//! are is made here, in [Microsoft Entra's format][format], and handed to the library's
//! assertion credential.
//!
//! [format]: https://learn.microsoft.com/entra/identity-platform/certificate-credentials

use std::path::{Path, PathBuf};
use std::sync::Arc;

use azure_core::base64::encode_url_safe;
use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use azure_core::http::{ClientMethodOptions, ClientOptions};
use azure_core::{Error, Uuid};
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions,
};
use jiff::Timestamp;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::sign::SigningKey;
use rustls::{SignatureAlgorithm, SignatureScheme};
use serde::Serialize;
use sha2::{Digest, Sha256};
use url::Url;

use super::AuthError;

/// How long an assertion may be used, in seconds: the most that Microsoft recommends.
const LIFETIME: i64 = 600;

/// The credential of an application with a certificate. `authority` is the address to sign in
/// at, the same as in the options.
///
/// The file is looked at once here, so that a wrong one shows before the first request.
pub(super) fn credential(
    authority: &str,
    tenant_id: String,
    client_id: String,
    certificate: PathBuf,
    client_options: ClientOptions,
) -> Result<Arc<dyn TokenCredential>, AuthError> {
    Identity::parse(&certificate, std::fs::read(&certificate))?;
    // The endpoint that the library sends to: Entra compares the audience with it.
    let audience = Url::parse(authority)
        .and_then(|authority| authority.join(&format!("/{tenant_id}/oauth2/v2.0/token")))
        .map_err(Error::from)?;
    let assertion = CertificateAssertion {
        audience,
        client_id: client_id.clone(),
        certificate,
    };
    let options = ClientAssertionCredentialOptions { client_options };
    Ok(ClientAssertionCredential::new(
        tenant_id,
        client_id,
        assertion,
        Some(options),
    )?)
}

/// Makes a new assertion from the file whenever one is asked for.
#[derive(Debug)]
struct CertificateAssertion {
    audience: Url,
    client_id: String,
    certificate: PathBuf,
}

#[async_trait::async_trait]
impl ClientAssertion for CertificateAssertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let read = tokio::fs::read(&self.certificate).await;
        Identity::parse(&self.certificate, read)
            .and_then(|identity| {
                let (now, id) = (Timestamp::now(), Uuid::new_v4());
                let assertion = identity.assertion(&self.audience, &self.client_id, now, id);
                assertion.map_err(|problem| problem.of(&self.certificate))
            })
            .map_err(|error| Error::new(ErrorKind::Credential, error))
    }
}

/// What a certificate file holds: the key, and which certificate it belongs to.
struct Identity {
    /// SHA-256 of the certificate's DER, base64url.
    thumbprint: String,
    key: Arc<dyn SigningKey>,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    #[serde(rename = "x5t#S256")]
    thumbprint: &'a str,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

impl Identity {
    fn parse(path: &Path, read: std::io::Result<Vec<u8>>) -> Result<Identity, CertificateError> {
        read.map_err(Problem::Unreadable)
            .and_then(|bytes| Identity::from_pem(&bytes))
            .map_err(|problem| problem.of(path))
    }

    fn from_pem(bytes: &[u8]) -> Result<Identity, Problem> {
        if !contains(bytes, b"-----BEGIN ") {
            return Err(Problem::NotPem);
        }
        // PKCS#8 says it in the section's name, older files in a header line.
        if contains(bytes, b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
            || contains(bytes, b"Proc-Type: 4,ENCRYPTED")
        {
            return Err(Problem::Encrypted);
        }
        let mut certificates = Vec::new();
        let mut key = None;
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes) {
            // The reader's own error may quote a line, and that may be the key's.
            let (kind, der) = section.map_err(|_| Problem::Unclear)?;
            if kind == SectionKind::Certificate {
                certificates.push(der);
            } else if key.is_none() {
                key = PrivateKeyDer::from_pem(kind, der);
            }
        }
        // A section that does not start its line is none to the reader.
        if certificates.is_empty() && key.is_none() {
            return Err(Problem::Unclear);
        }
        let key = any_supported_type(&key.ok_or(Problem::NoKey)?).map_err(|_| Problem::BadKey)?;
        if key.algorithm() != SignatureAlgorithm::RSA {
            return Err(Problem::NotRsa);
        }
        // A certificate holds its public key as this very DER. Its place in the file says
        // nothing: chains are written in both directions.
        let public_key = key.public_key().ok_or(Problem::BadKey)?;
        let certificate = certificates.iter().find(|der| contains(der, &public_key));
        let certificate = certificate.ok_or(Problem::NoCertificate(certificates.len()))?;
        Ok(Identity {
            thumbprint: encode_url_safe(Sha256::digest(certificate)),
            key,
        })
    }

    /// A signed assertion that this is the client.
    fn assertion(
        &self,
        audience: &Url,
        client_id: &str,
        now: Timestamp,
        id: Uuid,
    ) -> Result<String, Problem> {
        let header = Header {
            alg: "PS256",
            typ: "JWT",
            thumbprint: &self.thumbprint,
        };
        let issued = now.as_second();
        let claims = Claims {
            aud: audience.as_str(),
            iss: client_id,
            sub: client_id,
            jti: id.to_string(),
            iat: issued,
            nbf: issued,
            exp: issued + LIFETIME,
        };
        let text = format!("{}.{}", encode(&header), encode(&claims));
        let signer = self.key.choose_scheme(&[SignatureScheme::RSA_PSS_SHA256]);
        let signature = signer
            .and_then(|signer| signer.sign(text.as_bytes()).ok())
            .ok_or(Problem::BadKey)?;
        Ok(format!("{text}.{}", encode_url_safe(signature)))
    }
}

fn encode(part: &impl Serialize) -> String {
    encode_url_safe(serde_json::to_vec(part).expect("texts and numbers are JSON"))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Why a certificate file cannot be used to sign in. It names the file and says what would be
/// right; it shows nothing of what the file holds.
#[derive(Debug, thiserror::Error)]
#[error("the certificate file {} cannot be used: {problem}", path.display())]
pub struct CertificateError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("it cannot be read: {0}")]
    Unreadable(std::io::Error),
    #[error(
        "it holds no PEM text; a PFX (PKCS#12) file is converted by \
         `openssl pkcs12 -in certificate.pfx -out certificate.pem -nodes`"
    )]
    NotPem,
    #[error(
        "its key is encrypted; write it in the clear by \
         `openssl pkey -in certificate.pem -out plain.pem` and add the certificate to that file"
    )]
    Encrypted,
    #[error(
        "its PEM sections cannot be read; each -----BEGIN …----- and -----END …----- must be a line of \
         its own, with base64 between"
    )]
    Unclear,
    #[error(
        "it holds no private key; expected a PRIVATE KEY or RSA PRIVATE KEY next to the \
         certificate"
    )]
    NoKey,
    #[error("its key is not an RSA key, and Microsoft Entra takes no other")]
    NotRsa,
    #[error("its key is damaged or not an RSA key of 2048 to 4096 bits")]
    BadKey,
    #[error("it holds {0} certificates, none of which belongs to its key")]
    NoCertificate(usize),
}

impl Problem {
    fn of(self, path: &Path) -> CertificateError {
        CertificateError {
            path: path.to_owned(),
            problem: self,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use azure_core::base64::decode_url_safe;
    use azure_core::http::{AsyncRawResponse, HttpClient, Request, Transport, new_http_client};
    use azure_sandbox::{Agreement, Options, TENANT, World};
    use jiff::civil::date;
    use serde_json::{Value, json};
    use webpki::EndEntityCert;
    use webpki::ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY;

    use super::*;

    const SINGLE: &str = include_str!("../../tests/fixtures/certificate.test-only.pem");
    const CHAIN: &str = include_str!("../../tests/fixtures/certificate-chain.test-only.pem");
    const ELLIPTIC: &str = include_str!("../../tests/fixtures/certificate-ec.test-only.pem");

    /// By `openssl x509 -outform DER | openssl dgst -sha256 -binary | basenc --base64url`.
    const SINGLE_THUMBPRINT: &str = "o8ieB9XsBbXablNQ3Qc67z2z0SVmh0ZTzAFNZYKsSRY";
    const CHAIN_THUMBPRINT: &str = "pSi_ov5Pn7x9jpxl229CK0-8pQWIXF8K-jOCj0Kylzo";

    /// The claims of an assertion, once another library has found it signed by that certificate.
    #[track_caller]
    fn verify(assertion: &str, pem: &str, thumbprint: &str) -> Value {
        let (text, signature) = assertion.rsplit_once('.').unwrap();
        let (header, claims) = text.split_once('.').unwrap();
        let json = |part| serde_json::from_slice(&decode_url_safe(part).unwrap()).unwrap();
        let header: Value = json(header);
        assert_eq!(
            header,
            json!({"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint})
        );
        let certificates = <(SectionKind, Vec<u8>)>::pem_slice_iter(pem.as_bytes());
        let mut certificates = certificates.map(Result::unwrap);
        let (_, der) = certificates
            .find(|(_, der)| encode_url_safe(Sha256::digest(der)) == thumbprint)
            .unwrap();
        let der = der.into();
        let certificate = EndEntityCert::try_from(&der).unwrap();
        let signature = decode_url_safe(signature).unwrap();
        certificate
            .verify_signature(
                RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
                text.as_bytes(),
                &signature,
            )
            .unwrap();
        json(claims)
    }

    #[test]
    fn the_assertion_is_signed_by_the_certificate_and_says_who_asks_where() {
        let audience = "https://login.microsoftonline.us/t/oauth2/v2.0/token";
        let now = "2026-11-20T08:00:00.9Z".parse().unwrap();
        let id = Uuid::from_u128(7);
        for (pem, thumbprint) in [(SINGLE, SINGLE_THUMBPRINT), (CHAIN, CHAIN_THUMBPRINT)] {
            let identity = Identity::from_pem(pem.as_bytes()).unwrap();
            let assertion = identity
                .assertion(&audience.parse().unwrap(), "client", now, id)
                .unwrap();
            let claims = verify(&assertion, pem, thumbprint);
            let expected = json!({
                "aud": audience,
                "iss": "client",
                "sub": "client",
                "jti": "00000000-0000-0000-0000-000000000007",
                "iat": 1_795_161_600,
                "nbf": 1_795_161_600,
                "exp": 1_795_162_200,
            });
            assert_eq!(claims, expected);
        }
    }

    #[track_caller]
    fn refused(bytes: &[u8], expected: &str) {
        let read = Ok(bytes.to_vec());
        let error = Identity::parse(Path::new("/etc/app.pem"), read)
            .err()
            .unwrap();
        let text = error.to_string();
        assert!(text.contains("/etc/app.pem"), "{text}");
        assert!(text.contains(expected), "{text}");
        // The first bytes of every key here, in base64.
        assert!(!format!("{error:?} {text}").contains("MII"), "{error:?}");
    }

    #[test]
    fn a_file_of_another_kind_is_refused_with_what_would_be_right() {
        let key_at = SINGLE.find("-----BEGIN PRIVATE").unwrap();
        let (certificate, key) = SINGLE.split_at(key_at);
        refused(b"", "no PEM text");
        refused(
            &[0x30, 0x82, 0x0a, 0x01, 0x02, 0x01, 0x03],
            "openssl pkcs12",
        );
        refused(certificate.as_bytes(), "no private key");
        refused(key.as_bytes(), "it holds 0 certificates");
        refused(
            format!("{key}{CHAIN}").as_bytes(),
            "it holds 2 certificates, none of which belongs to its key",
        );
        refused(ELLIPTIC.as_bytes(), "not an RSA key");
        let encrypted = SINGLE.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        refused(encrypted.as_bytes(), "openssl pkey");
        let header = "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,CA80\n";
        let older = CHAIN.replacen("KEY-----\n", header, 1);
        refused(older.as_bytes(), "openssl pkey");
        // Line ends lost, as happens in settings: the reader takes the key for a section's name.
        refused(
            SINGLE.replace('\n', " ").as_bytes(),
            "PEM sections cannot be read",
        );
        refused(
            key.replace('\n', "").as_bytes(),
            "PEM sections cannot be read",
        );
        refused(
            &SINGLE.as_bytes()[..SINGLE.len() - 40],
            "PEM sections cannot be read",
        );
        let cut = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n";
        refused(cut.as_bytes(), "not an RSA key of 2048 to 4096 bits");
    }

    /// A way to the sandbox for requests to an authority, which the library wants to be https.
    #[derive(Debug)]
    struct ToSandbox {
        address: String,
        http: Arc<dyn HttpClient>,
        assertions: std::sync::Mutex<Vec<String>>,
    }

    #[async_trait::async_trait]
    impl HttpClient for ToSandbox {
        async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
            assert_eq!(request.url().host_str(), Some("login.contoso.example"));
            let url = format!("{}{}", self.address, request.path_and_query());
            let mut sent = Request::new(url.parse()?, request.method());
            for (name, value) in request.headers().iter() {
                sent.insert_header(name.clone(), value.clone());
            }
            sent.set_body(request.body().clone());
            let azure_core::http::Body::Bytes(body) = request.body() else {
                panic!("a token request is short");
            };
            let mut form = url::form_urlencoded::parse(body);
            let (_, assertion) = form.find(|(name, _)| name == "client_assertion").unwrap();
            self.assertions.lock().unwrap().push(assertion.into_owned());
            self.http.execute_request(&sent).await
        }
    }

    #[tokio::test]
    async fn tokens_are_had_for_assertions_and_a_renewed_file_is_read() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let today = date(2026, 11, 20);
        let world = World::new(Agreement::PayAsYouGo, today, today);
        tokio::spawn(azure_sandbox::serve(listener, world, Options::new(today)));

        let http = Arc::new(ToSandbox {
            address,
            http: new_http_client(None),
            assertions: std::sync::Mutex::default(),
        });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("certificate.pem");
        std::fs::write(&path, SINGLE).unwrap();
        let authority = "https://login.contoso.example";
        let mut options = super::super::client_options(authority.to_owned());
        options.transport = Some(Transport::new(http.clone()));
        let credential = credential(
            authority,
            TENANT.to_owned(),
            "client".to_owned(),
            path.clone(),
            options,
        )
        .unwrap();
        assert!(!format!("{credential:?}").contains("MII"));

        let scopes = ["https://management.azure.com/.default"];
        let token = credential.get_token(&scopes, None).await.unwrap();
        assert_eq!(token.token.secret().split('.').count(), 3);
        // The library keeps tokens by scope: another scope needs another assertion.
        std::fs::write(&path, CHAIN).unwrap();
        let scopes = ["https://storage.azure.com/.default"];
        credential.get_token(&scopes, None).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        let scopes = ["https://management.usgovcloudapi.net/.default"];
        let error = credential.get_token(&scopes, None).await.unwrap_err();
        assert!(error.to_string().contains("certificate.pem"), "{error}");

        let assertions = http.assertions.lock().unwrap();
        let first = verify(&assertions[0], SINGLE, SINGLE_THUMBPRINT);
        let second = verify(&assertions[1], CHAIN, CHAIN_THUMBPRINT);
        assert_eq!(assertions.len(), 2);
        let audience = format!("{authority}/{TENANT}/oauth2/v2.0/token");
        assert_eq!(first["aud"], audience);
        let ids: BTreeSet<&str> = [&first, &second]
            .map(|claims| claims["jti"].as_str().unwrap())
            .into();
        assert_eq!(ids.len(), 2, "each assertion has an id of its own");
    }
}
