// The server of README.md, which has the same text without this line.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use mqtt_wire::{ConnAck, DecodeError, Dialect, Disconnect, FrameDecoder, Framed, Limits};
use mqtt_wire::{Packet, ReasonCode, Reply, Version};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for client in TcpListener::bind("127.0.0.1:1883")?.incoming() {
        println!("the connection ended: {:?}", serve(client?));
    }
    Ok(())
}

fn serve(mut client: TcpStream) -> Result<(), Box<dyn std::error::Error>> {
    let mut decoder = FrameDecoder::accept(Limits::default()); // learns the version from CONNECT
    let mut bytes = [0; 4096];
    while let length @ 1.. = client.read(&mut bytes)? {
        decoder.extend(&bytes[..length]);
        loop {
            let frame = decoder.next_frame();
            let dialect = decoder
                .dialect()
                .unwrap_or(Dialect::from_client(Version::V3_1_1));
            let packet = match &frame {
                Ok(Framed::NeedMore(_)) => break,
                Ok(Framed::Frame(frame)) => frame.decode(dialect),
                Err(error) => Err(*error),
            };
            println!("{packet:?}");
            if let Some(answer) = answer(&packet) {
                let mut bytes = Vec::new();
                answer.encode(dialect.reply(), &mut bytes)?;
                client.write_all(&bytes)?;
            }
            packet?; // after a bad packet the connection is closed
        }
    }
    Ok(())
}

fn answer(packet: &Result<Packet, DecodeError>) -> Option<Packet<'static>> {
    Some(match packet {
        Ok(Packet::Connect(_)) => ConnAck::new(ReasonCode::Success).into(),
        Ok(Packet::PingReq) => Packet::PingResp,
        Ok(_) => return None,
        Err(error) => match error.reply() {
            Reply::ConnAck(code) => ConnAck::new(code).into(),
            Reply::Disconnect(code) => Disconnect::new(code).into(),
            Reply::Close => return None,
        },
    })
}
