//! What an executable is made of, as CycloneDX says it: for those who look for known flaws in it.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::crates::Crate;

/// The bill of materials of an executable that is made of these.
pub(crate) fn of(executable: &str, crates: &[Crate]) -> anyhow::Result<String> {
    let dependencies: Vec<Value> = crates
        .iter()
        .map(|one| {
            let uses: Vec<String> = one.uses.iter().map(|used| purl(&used.0, &used.1)).collect();
            json!({ "ref": reference(one), "dependsOn": uses })
        })
        .collect();
    let components: Vec<Value> = crates.iter().map(component).collect();
    let version = env!("CARGO_PKG_VERSION");
    let itself = json!({
        "type": "application",
        "bom-ref": executable,
        "name": executable,
        "version": version,
        "licenses": [{ "expression": "MIT OR Apache-2.0" }],
    });
    let mut bom = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "lifecycles": [{ "phase": "build" }],
            "component": itself,
        },
        "components": components,
        "dependencies": dependencies,
    });
    // Of its content, so that the same content gives the same bytes.
    bom["serialNumber"] = json!(serial_number(&bom.to_string()));
    Ok(serde_json::to_string_pretty(&bom)? + "\n")
}

fn component(one: &Crate) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": reference(one),
        "name": one.name,
        "version": one.version,
    });
    if let Some(description) = &one.description {
        component["description"] =
            json!(description.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    if let Some(license) = &one.license {
        // Older manifests write a slash where SPDX has a word.
        let license = license.replace('/', " OR ");
        component["licenses"] = json!([{ "expression": license }]);
    }
    if let Some(checksum) = &one.checksum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
        component["purl"] = json!(purl(&one.name, &one.version));
    }
    if let Some(repository) = &one.repository {
        component["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
    }
    component
}

fn reference(one: &Crate) -> String {
    purl(&one.name, &one.version)
}

fn purl(name: &str, version: &str) -> String {
    // A plus is the only character of versions that has another meaning there.
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

/// A UUID of version 8, whose bits are our own.
fn serial_number(content: &str) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(content)[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
