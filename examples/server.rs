// The server of README.md, which has the same text without this line.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use mqtt_wire::{ConnAck, Dialect, FrameDecoder, Limits, Packet, ReasonCode};

fn serve(mut client: TcpStream) -> Result<(), Box<dyn std::error::Error>> {
    let mut decoder = FrameDecoder::accept(Limits::default()); // learns the version from CONNECT
    let (mut bytes, mut connected) = ([0; 4096], false);
    loop {
        match decoder.next_packet() {
            Ok(None) => match client.read(&mut bytes)? {
                0 => return Ok(()),
                length => decoder.extend(&bytes[..length]),
            },
            Ok(Some(Packet::Connect(connect))) if !connected => {
                let connack = Packet::from(ConnAck::new(ReasonCode::Success));
                let dialect = Dialect::from_server(connect.version);
                let length = connack.encode_to_slice(dialect, &mut bytes)?;
                client.write_all(&bytes[..length])?;
                connected = true;
            }
            Ok(Some(Packet::PingReq)) => client.write_all(b"\xd0\x00")?, // PINGRESP
            Ok(Some(Packet::Connect(_) | Packet::Disconnect(_))) => return Ok(()),
            Ok(Some(packet)) => println!("{packet:?}"),
            Err(error) => {
                if let Some(answer) = error.answer(connected) {
                    client.write_all(&answer)?;
                }
                return Err(error.into());
            }
        }
    }
}

fn main() -> std::io::Result<()> {
    for client in TcpListener::bind("127.0.0.1:1883")?.incoming() {
        println!("the connection ended: {:?}", serve(client?));
    }
    Ok(())
}
