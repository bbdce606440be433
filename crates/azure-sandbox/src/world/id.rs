//! Ids made from names, so that one world has the same ids on every machine.

/// A number that depends on all parts and their limits (FNV-1a).
pub(crate) fn hash(parts: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    // The last bytes have to reach the high bits too.
    hash ^ (hash >> 32)
}

/// A text of the form of a GUID.
pub(crate) fn guid(parts: &[&str]) -> String {
    let high = hash(parts);
    let low = fastrand::Rng::with_seed(high).u64(..);
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 48) & 0x3fff,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_like_guids_and_differ() {
        let id = guid(&["a", "b"]);
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(id, guid(&["a", "b"]));
        assert_ne!(id, guid(&["ab", ""]));
        assert_ne!(id, guid(&["b", "a"]));
    }
}
