//! Client Identifiers for clients that have none.

use std::fmt::Write;

/// A Client Identifier that nobody can guess and nobody uses.
///
/// Whoever knows a Client Identifier can take over its Session, so it is made of 16 random bytes
/// from the operating system.
pub fn assign(is_taken: impl Fn(&str) -> bool) -> Result<String, getrandom::Error> {
    assign_from(is_taken, getrandom::fill)
}

fn assign_from<E>(
    is_taken: impl Fn(&str) -> bool,
    mut fill: impl FnMut(&mut [u8]) -> Result<(), E>,
) -> Result<String, E> {
    loop {
        let mut bytes = [0; 16];
        fill(&mut bytes)?;
        let mut id = String::with_capacity(32);
        for byte in bytes {
            let _ = write!(id, "{byte:02x}"); // never fails: a String grows
        }
        if !is_taken(&id) {
            return Ok(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_in_use_is_not_assigned() {
        let mut next = 0;
        let count_up = |bytes: &mut [u8]| {
            bytes.fill(next);
            next += 1;
            Ok::<_, ()>(())
        };
        let id = assign_from(|id| id.starts_with("00") || id.starts_with("01"), count_up);
        assert_eq!(id.unwrap(), "02".repeat(16));
    }

    #[test]
    fn no_identifier_without_random_bytes() {
        assert_eq!(assign_from(|_| false, |_| Err("broken")), Err("broken"));
    }
}
