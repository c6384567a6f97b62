//! Packets over `std::io`, for programs that block.

use std::io::{self, ErrorKind, Read, Write};
use std::vec::Vec;

use crate::dialect::Dialect;
use crate::frame::{FrameDecoder, NextFrame};
use crate::packet::Packet;
use crate::transport::TransportError;

/// The number of bytes to ask the reader for at once.
pub(crate) const PIECE: usize = 4096;

impl FrameDecoder {
    /// Reads until the next packet is complete, and lends it as [`next_packet`](Self::next_packet)
    /// does; `None` if the stream ends between two packets.
    ///
    /// After [`TransportError::Io`] call it again to go on, for example after a read timeout: the
    /// bytes that were read are in the [`buffer_mut`](Self::buffer_mut).
    ///
    /// ```
    /// use mqtt_wire::{FrameDecoder, Limits, Packet};
    ///
    /// let mut stream: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01p\xc0\x00";
    /// let mut decoder = FrameDecoder::accept(Limits::default());
    /// assert!(matches!(decoder.read_packet(&mut stream)?, Some(Packet::Connect(_))));
    /// assert_eq!(decoder.read_packet(&mut stream)?, Some(Packet::PingReq));
    /// assert_eq!(decoder.read_packet(&mut stream)?, None);
    /// # Ok::<(), mqtt_wire::TransportError<std::io::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TransportError::Decode`] for the first rule that the bytes break; all later calls return the
    /// same error. [`TransportError::EndInsidePacket`] if the stream ends inside a packet, and
    /// [`TransportError::Io`] if the reader fails.
    pub fn read_packet(
        &mut self,
        reader: &mut impl Read,
    ) -> Result<Option<Packet<'_>>, TransportError<io::Error>> {
        while let NextFrame::NeedMore(missing) = self.find_next()? {
            let buffer = self.buffer_mut();
            let received = buffer.len();
            buffer.resize(received + PIECE, 0);
            let read = read_some(reader, buffer.get_mut(received..).unwrap_or_default());
            let count = *read.as_ref().unwrap_or(&0);
            buffer.truncate(received + count);
            if read? == 0 {
                return TransportError::check_end(received, missing).map(|()| None);
            }
        }
        Ok(self.next_packet()?)
    }
}

/// Reads once; a signal that interrupts the call does not count.
fn read_some(reader: &mut impl Read, room: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(room) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read.map(|count| count.min(room.len())),
        }
    }
}

impl Packet<'_> {
    /// Encodes the packet and writes it with one call of [`Write::write_all`].
    ///
    /// # Errors
    ///
    /// [`TransportError::Encode`] if the packet must not be sent; nothing is written then.
    /// [`TransportError::Io`] if the writer fails; a part of the packet may have been written.
    pub fn write_to(
        &self,
        writer: &mut impl Write,
        dialect: Dialect,
    ) -> Result<(), TransportError<io::Error>> {
        let mut bytes = Vec::new();
        self.encode(dialect, &mut bytes)?;
        Ok(writer.write_all(&bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::dialect::Version;
    use crate::frame::Limits;
    use crate::packet::Publish;
    use crate::topic::TopicName;

    /// A stream that returns one of these pieces, or errors, at each call.
    struct Pieces(VecDeque<io::Result<&'static [u8]>>);

    impl Read for Pieces {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let piece = self.0.pop_front().unwrap_or(Ok(b""))?;
            room[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    fn decoder() -> FrameDecoder {
        FrameDecoder::new(Dialect::from_client(Version::V5), Limits::default())
    }

    fn pieces(pieces: impl IntoIterator<Item = io::Result<&'static [u8]>>) -> Pieces {
        Pieces(pieces.into_iter().collect())
    }

    #[test]
    fn packets_arrive_in_pieces_of_any_size() {
        let stream = b"\x30\x06\x00\x01t\x00on\xc0\x00\xe0\x00";
        for size in 1..=stream.len() {
            let mut reader = pieces(stream.chunks(size).map(Ok));
            let mut decoder = decoder();
            let packet = decoder.read_packet(&mut reader).unwrap();
            assert!(matches!(packet, Some(Packet::Publish(publish)) if publish.payload == b"on"));
            let packet = decoder.read_packet(&mut reader).unwrap();
            assert_eq!(packet, Some(Packet::PingReq));
            let packet = decoder.read_packet(&mut reader).unwrap();
            assert!(matches!(packet, Some(Packet::Disconnect(_))));
            assert_eq!(decoder.read_packet(&mut reader).unwrap(), None);
        }
    }

    #[test]
    fn an_interrupted_call_is_repeated_and_a_timeout_loses_nothing() {
        let mut reader = pieces([
            Ok(&b"\xc0"[..]),
            Err(ErrorKind::Interrupted.into()),
            Err(ErrorKind::WouldBlock.into()),
            Ok(b"\x00"),
        ]);
        let mut decoder = decoder();
        let Err(TransportError::Io(error)) = decoder.read_packet(&mut reader) else {
            panic!("no error");
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert_eq!(decoder.buffer_mut()[..], *b"\xc0");
        let packet = decoder.read_packet(&mut reader).unwrap();
        assert_eq!(packet, Some(Packet::PingReq));
    }

    #[test]
    fn a_bad_packet_is_an_error_before_more_is_read() {
        let mut reader = pieces([Ok(&b"\xc0\x00\x36"[..]), Ok(b"\xc0\x00")]);
        let mut decoder = decoder();
        decoder.read_packet(&mut reader).unwrap();
        for _ in 0..2 {
            let error = decoder.read_packet(&mut reader).unwrap_err();
            assert!(matches!(error, TransportError::Decode(error) if error.offset() == 0));
            assert_eq!(decoder.buffer_mut()[..], *b"\x36");
        }
        assert_eq!(reader.0.len(), 1);
    }

    #[test]
    fn the_stream_may_end_only_between_packets() {
        let mut reader = pieces([Ok(&b"\x30\x06\x00"[..])]);
        let error = decoder().read_packet(&mut reader).unwrap_err();
        assert!(matches!(
            error,
            TransportError::EndInsidePacket {
                received: 3,
                missing: 5
            }
        ));
    }

    #[test]
    fn the_limit_of_the_first_packet_is_its_own() {
        let connect = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01p\xc0\x00";
        let limits = |first_packet, packet| {
            Limits::default()
                .with_packet(packet)
                .with_first_packet(first_packet)
        };
        let mut decoder = FrameDecoder::accept(limits(15, 2));
        let mut reader = &connect[..];
        let packet = decoder.read_packet(&mut reader).unwrap();
        assert!(matches!(packet, Some(Packet::Connect(_))));
        let packet = decoder.read_packet(&mut reader).unwrap();
        assert_eq!(packet, Some(Packet::PingReq));

        let mut decoder = FrameDecoder::accept(limits(14, 15));
        let error = decoder.read_packet(&mut &connect[..]).unwrap_err();
        assert!(matches!(error, TransportError::Decode(_)));
    }

    #[test]
    fn a_refused_packet_writes_nothing() {
        let (dialect, mut written) = (Dialect::from_client(Version::V5), Vec::new());
        Packet::PingReq.write_to(&mut written, dialect).unwrap();
        let topic = TopicName::new("t").unwrap();
        let publish = Packet::from(Publish::new(topic, b"on"));
        publish.write_to(&mut written, dialect).unwrap();
        let error = Packet::PingResp.write_to(&mut written, dialect);
        assert!(matches!(error, Err(TransportError::Encode(_))));
        assert_eq!(written, b"\xc0\x00\x30\x06\x00\x01t\x00on");
    }
}
