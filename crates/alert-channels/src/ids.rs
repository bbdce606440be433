//! Ids that follow from others, so that a second attempt carries the same ones.

use sha2::{Digest, Sha256};

/// The first 80 bits of SHA-256 as hexadecimal text: 20 characters.
pub(crate) fn short_hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let bytes = digest.iter().take(10);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// A UUID of version 8 (RFC 9562, section 5.8) from SHA-256 over a purpose and a delivery id.
pub(crate) fn uuid(purpose: &str, id: &str) -> String {
    let digest = Sha256::digest(format!("spendwatch/{purpose}/{id}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let (a, rest) = hex.split_at(8);
    let (b, rest) = rest.split_at(4);
    let (c, rest) = rest.split_at(4);
    let (d, e) = rest.split_at(4);
    format!("{a}-{b}-{c}-{d}-{e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_stable_and_well_formed() {
        // printf %s abc | sha256sum
        assert_eq!(short_hash("abc"), "ba7816bf8f01cfea4141");
        let id = uuid("mail", "7f3c9a51e2b84d06");
        assert_eq!(id, uuid("mail", "7f3c9a51e2b84d06"));
        assert_ne!(id, uuid("chat", "7f3c9a51e2b84d06"));
        assert_ne!(id, uuid("mail", "7f3c9a51e2b84d07"));
        let groups: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
        assert_eq!(&id[14..15], "8", "the version");
        assert!("89ab".contains(&id[19..20]), "the variant");
    }
}
