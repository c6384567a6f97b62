//! The data frames of IEEE 802.11, with or without a radiotap header.

use super::raw::NoTcp;

/// The payload of a data frame behind a radiotap header, beginning with its EtherType.
pub(super) fn payload_after_radiotap(bytes: &[u8]) -> Result<&[u8], NoTcp> {
    let length = bytes.get(2..).and_then(|field| field.first_chunk());
    let length = usize::from(u16::from_le_bytes(*length.ok_or(NoTcp::Malformed)?));
    let (radiotap, frame) = bytes.split_at_checked(length).ok_or(NoTcp::Malformed)?;
    const PADDED: u8 = 0x20;
    data(frame, radiotap_flags(radiotap) & PADDED != 0)
}

/// The payload of a data frame, beginning with its EtherType.
pub(super) fn payload(frame: &[u8]) -> Result<&[u8], NoTcp> {
    data(frame, false)
}

/// The flags in a radiotap header; 0 if it has none.
fn radiotap_flags(radiotap: &[u8]) -> u8 {
    const TIMER: u32 = 1;
    const FLAGS: u32 = 1 << 1;
    const MORE: u32 = 1 << 31;
    let words = radiotap.get(4..).unwrap_or_default().chunks_exact(4);
    let words = words.filter_map(|word| Some(u32::from_le_bytes(*word.first_chunk()?)));
    let mut words = words.peekable();
    let present = words.peek().copied().unwrap_or_default();
    let later_words = words.take_while(|word| word & MORE != 0).count();
    let mut at = 8 + 4 * later_words;
    if present & TIMER != 0 {
        at = at.next_multiple_of(8) + 8;
    }
    match radiotap.get(at) {
        Some(flags) if present & FLAGS != 0 => *flags,
        _ => 0,
    }
}

/// `is_padded` if the header of the frame is filled up to a multiple of four bytes.
fn data(frame: &[u8], is_padded: bool) -> Result<&[u8], NoTcp> {
    const DATA: u8 = 0b10;
    let [kind, flags, ..] = *frame else {
        return Err(NoTcp::Malformed);
    };
    let (frame_type, subtype) = (kind >> 2 & 0b11, kind >> 4);
    let has_no_data = subtype & 0b0100 != 0;
    if frame_type != DATA || has_no_data {
        return Err(NoTcp::OtherProtocol);
    }
    if flags & 0x40 != 0 {
        return Err(NoTcp::Encrypted);
    }
    let mut length = 24;
    let has_four_addresses = flags & 0b11 == 0b11;
    if has_four_addresses {
        length += 6;
    }
    let has_qos = subtype & 0b1000 != 0;
    if has_qos {
        let qos = frame.get(length).ok_or(NoTcp::Malformed)?;
        // several frames in one
        if qos & 0x80 != 0 {
            return Err(NoTcp::OtherProtocol);
        }
        length += 2;
        // with HT Control
        if flags & 0x80 != 0 {
            length += 4;
        }
    }
    if is_padded {
        length = length.next_multiple_of(4);
    }
    let body = frame.get(length..).ok_or(NoTcp::Malformed)?;
    // LLC and SNAP
    body.strip_prefix(&[0xaa, 0xaa, 3, 0, 0, 0])
        .ok_or(NoTcp::OtherProtocol)
}
