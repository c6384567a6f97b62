//! The frames of one direction.

use std::borrow::Cow;
use std::io;

use edge_ws::{FrameHeader, FrameType};
use mqtt_wire::Sender;

use super::{Fault, FaultKind, Gap, Inflate, Item, Receive, Reported, Unread};

/// Cuts a direction into frames, and hands out the bytes of MQTT in them.
pub struct Frames {
    sender: Sender,
    place: Place,
    /// The message that continuation frames belong to.
    message: Option<Message>,
    reported: Reported,
    /// The messages may be compressed.
    inflate: Option<Inflate>,
    /// `message` is a guess, after a gap.
    is_guess: bool,
    /// Where frames begin is a guess, after a gap. Nobody is accused because of a guess.
    is_rejoined: bool,
    is_compression_reported: bool,
    /// How many bytes were not read since that was reported.
    unread: u64,
}

/// A control frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close { code: Option<u16>, reason: String },
}

/// Where in a frame the next byte is.
enum Place {
    /// In a header, of which these bytes have come.
    Header(Vec<u8>),
    Payload(Payload),
    /// Between frames or inside of one: bytes are missing.
    Unknown,
    /// It is unknown where frames begin.
    Lost,
}

struct Payload {
    left: u64,
    mask: Option<u32>,
    /// How many bytes of it have come.
    offset: usize,
    content: Content,
}

enum Content {
    Message {
        message: Message,
        /// The frame is the last one of the message.
        is_final: bool,
    },
    Control {
        frame_type: FrameType,
        payload: Vec<u8>,
    },
}

#[derive(Clone, Copy, PartialEq)]
enum Message {
    Binary,
    Compressed,
    /// It is not MQTT.
    Text,
}

impl Frames {
    /// The most payload of a control frame.
    const MAX_CONTROL: u64 = 125;

    /// The frames of a side, from the first one on.
    pub fn new(sender: Sender) -> Self {
        Self {
            sender,
            place: Place::Header(Vec::new()),
            message: None,
            reported: Reported::default(),
            inflate: None,
            is_guess: false,
            is_rejoined: false,
            is_compression_reported: false,
            unread: 0,
        }
    }

    pub(super) fn set_deflated(&mut self, is_deflated: bool) {
        if is_deflated && self.inflate.is_none() {
            self.inflate = Some(Inflate::new());
        }
    }

    /// Reads the next bytes.
    pub fn read(&mut self, bytes: &[u8], receive: &mut Receive<'_>) -> io::Result<()> {
        let mut rest = bytes;
        if matches!(self.place, Place::Unknown) && self.begin_with_frames(bytes) {
            self.report_unread(receive)?;
        }
        while !rest.is_empty() {
            match &mut self.place {
                Place::Header(header) => {
                    let Some((byte, after)) = rest.split_first() else {
                        break;
                    };
                    header.push(*byte);
                    rest = after;
                    let header = std::mem::take(header);
                    self.header(header, receive)?;
                }
                Place::Payload(payload) => {
                    let length = payload.left.min(rest.len() as u64) as usize;
                    let (part, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                    rest = after;
                    self.payload(part, receive)?;
                }
                Place::Unknown => {
                    self.unread += rest.len() as u64;
                    break;
                }
                Place::Lost => break,
            }
        }
        Ok(())
    }

    /// Continues after bytes that are not known.
    pub(super) fn gap(&mut self, length: Option<u64>) -> Gap {
        if let (Place::Payload(payload), Some(length)) = (&mut self.place, length) {
            // the header of the next frame has to be known
            if length < payload.left {
                payload.left -= length;
                payload.offset = payload.offset.wrapping_add(length as usize);
                return match &payload.content {
                    Content::Message { message, .. } if *message == Message::Binary => Gap::InData,
                    Content::Message { message, .. } => {
                        let is_compressed = *message == Message::Compressed;
                        let inflate = self.inflate.as_mut().filter(|_| is_compressed);
                        inflate.map_or(Gap::BesideData, |inflate| {
                            inflate.break_off();
                            Gap::Unknown
                        })
                    }
                    Content::Control { .. } => Gap::BesideData,
                };
            }
        }
        if !matches!(self.place, Place::Lost) {
            self.place = Place::Unknown;
        }
        self.message = None;
        self.inflate.iter_mut().for_each(Inflate::break_off);
        Gap::Unknown
    }

    /// Returns whether the direction ends between frames, as far as that is known.
    pub(super) fn end(&mut self, receive: &mut Receive<'_>) -> io::Result<bool> {
        self.report_unread(receive)?;
        Ok(match &self.place {
            Place::Header(header) => header.is_empty(),
            Place::Payload(_) => false,
            Place::Unknown | Place::Lost => true,
        })
    }

    pub(super) fn kept(&self) -> usize {
        // the window of deflate, about
        const INFLATE: usize = 48 << 10;
        let inflate = self.inflate.as_ref().map_or(0, |_| INFLATE);
        std::mem::size_of::<Self>() + inflate
    }

    fn report_unread(&mut self, receive: &mut Receive<'_>) -> io::Result<()> {
        match std::mem::take(&mut self.unread) {
            0 => Ok(()),
            length => receive(Item::Unread {
                length: Some(length),
                reason: Unread::AfterGap,
            }),
        }
    }

    /// After a gap, looks whether a piece begins with a frame. Several frames, or one that ends with
    /// the piece, are no accident.
    fn begin_with_frames(&mut self, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        let mut frames = 0;
        while !rest.is_empty() {
            let Ok((header, length)) = FrameHeader::deserialize(rest) else {
                break;
            };
            let is_masked = header.mask_key.is_some();
            let is_short = header.serialized_len() == length;
            if is_masked != (self.sender == Sender::Client) || !is_short {
                return false;
            }
            let payload = usize::try_from(header.payload_len).unwrap_or(usize::MAX);
            let after = rest.get(length.saturating_add(payload)..);
            rest = after.unwrap_or_default();
            if after.is_none() {
                break;
            }
            frames += 1;
        }
        let is_found = frames > 0;
        if is_found {
            self.place = Place::Header(Vec::new());
            // a continuation frame may continue a message that was not seen
            self.message = Some(Message::Binary);
            self.is_guess = true;
            self.is_rejoined = true;
        }
        is_found
    }

    fn fault(&mut self, kind: FaultKind, receive: &mut Receive<'_>) -> io::Result<()> {
        if self.is_rejoined {
            if kind.ends_reading() {
                self.place = Place::Unknown;
            }
            return Ok(());
        }
        if self.reported.add(kind) {
            receive(Item::Fault(Fault::new(self.sender, kind)))?;
        }
        if kind.ends_reading() {
            self.place = Place::Lost;
            receive(Item::Unread {
                length: None,
                reason: Unread::AfterFault,
            })?;
        }
        Ok(())
    }

    /// Reads a header, if it is complete.
    fn header(&mut self, bytes: Vec<u8>, receive: &mut Receive<'_>) -> io::Result<()> {
        const RESERVED: u8 = 0x70;
        const COMPRESSED: u8 = 0x40;
        let first = bytes.first().copied().unwrap_or_default();
        let reserved = first & RESERVED;
        if reserved & !COMPRESSED != 0 || reserved != 0 && self.inflate.is_none() {
            return self.fault(FaultKind::ReservedBits, receive);
        }
        let mut plain = bytes.clone();
        if let Some(first) = plain.first_mut() {
            *first &= !RESERVED;
        }
        let (header, length) = match FrameHeader::deserialize(&plain) {
            Ok(done) => done,
            Err(edge_ws::Error::Incomplete(_)) => {
                self.place = Place::Header(bytes);
                return Ok(());
            }
            Err(_) => return self.fault(FaultKind::ReservedOpcode, receive),
        };
        match (self.sender, header.mask_key) {
            (Sender::Client, None) => self.fault(FaultKind::NotMasked, receive)?,
            (Sender::Server, Some(_)) => self.fault(FaultKind::Masked, receive)?,
            _ => {}
        }
        if header.payload_len >> 63 != 0 {
            return self.fault(FaultKind::HugeLength, receive);
        }
        if header.serialized_len() != length {
            self.fault(FaultKind::LongLength, receive)?;
        }
        let is_compressed = reserved != 0;
        let is_final = first & 0x80 != 0;
        let message = match (header.frame_type, self.message) {
            (FrameType::Ping | FrameType::Pong | FrameType::Close, _) => {
                if !is_final || is_compressed || header.payload_len > Self::MAX_CONTROL {
                    return self.fault(FaultKind::BadControl, receive);
                }
                return self.begin(header, None, receive);
            }
            (FrameType::Continue(_), Some(_)) if is_compressed => {
                return self.fault(FaultKind::ReservedBits, receive);
            }
            (FrameType::Continue(_), Some(message)) => message,
            (FrameType::Continue(_), None) => {
                return self.fault(FaultKind::NothingToContinue, receive);
            }
            (FrameType::Text(_) | FrameType::Binary(_), Some(_)) if !self.is_guess => {
                return self.fault(FaultKind::NotContinued, receive);
            }
            (FrameType::Binary(_), _) if is_compressed => Message::Compressed,
            (FrameType::Binary(_), _) => Message::Binary,
            (FrameType::Text(_), _) => {
                // later messages may refer to it
                let inflate = self.inflate.iter_mut().filter(|_| is_compressed);
                inflate.for_each(Inflate::break_off);
                self.fault(FaultKind::TextFrame, receive)?;
                Message::Text
            }
        };
        self.message = (!is_final).then_some(message);
        self.is_guess = false;
        self.begin(header, Some((message, is_final)), receive)
    }

    /// Begins the payload of a frame. `message` is the message of a data frame, and whether the
    /// frame is its last one.
    fn begin(
        &mut self,
        header: FrameHeader,
        message: Option<(Message, bool)>,
        receive: &mut Receive<'_>,
    ) -> io::Result<()> {
        self.place = Place::Payload(Payload {
            left: header.payload_len,
            mask: header.mask_key,
            offset: 0,
            content: match message {
                Some((message, is_final)) => Content::Message { message, is_final },
                None => Content::Control {
                    frame_type: header.frame_type,
                    payload: Vec::new(),
                },
            },
        });
        // a frame may be empty
        self.payload(&[], receive)
    }

    /// Reads a part of the payload.
    fn payload(&mut self, part: &[u8], receive: &mut Receive<'_>) -> io::Result<()> {
        let place = std::mem::replace(&mut self.place, Place::Header(Vec::new()));
        let Place::Payload(mut payload) = place else {
            return Ok(());
        };
        let mut bytes = Cow::Borrowed(part);
        if payload.mask.is_some() {
            FrameHeader::mask_with(bytes.to_mut(), payload.mask, payload.offset);
        }
        payload.left -= part.len() as u64;
        payload.offset = payload.offset.wrapping_add(part.len());
        let is_end = payload.left == 0;
        match &mut payload.content {
            Content::Message { message, is_final } => {
                self.data(*message, &bytes, is_end && *is_final, receive)?;
            }
            Content::Control {
                frame_type,
                payload,
            } => {
                payload.extend_from_slice(&bytes);
                if is_end {
                    let payload = std::mem::take(payload);
                    receive(Item::Control(Control::new(*frame_type, payload)))?;
                }
            }
        }
        if !is_end {
            self.place = Place::Payload(payload);
        }
        Ok(())
    }

    fn data(
        &mut self,
        message: Message,
        bytes: &[u8],
        is_end: bool,
        receive: &mut Receive<'_>,
    ) -> io::Result<()> {
        match (message, &mut self.inflate) {
            (Message::Text, _) => Ok(()),
            (Message::Compressed, Some(inflate)) => {
                let mut unpacked = |bytes: &[u8]| receive(Item::Data(bytes));
                let mut is_read = inflate.unpack(bytes, &mut unpacked)?;
                if is_end {
                    is_read &= inflate.end_message(&mut unpacked)?;
                }
                if is_read || std::mem::replace(&mut self.is_compression_reported, true) {
                    return Ok(());
                }
                receive(Item::Unread {
                    length: None,
                    reason: Unread::Compressed,
                })
            }
            (Message::Binary | Message::Compressed, _) if bytes.is_empty() => Ok(()),
            (Message::Binary | Message::Compressed, _) => receive(Item::Data(bytes)),
        }
    }
}

impl Control {
    fn new(frame_type: FrameType, payload: Vec<u8>) -> Self {
        match frame_type {
            FrameType::Ping => Self::Ping(payload),
            FrameType::Pong => Self::Pong(payload),
            _ => match payload.split_first_chunk() {
                Some((code, reason)) => Self::Close {
                    code: Some(u16::from_be_bytes(*code)),
                    reason: String::from_utf8_lossy(reason).into_owned(),
                },
                None => Self::Close {
                    code: None,
                    reason: String::new(),
                },
            },
        }
    }
}
