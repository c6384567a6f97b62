// The server of README.md, which has the same text without this line.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};

use mqtt_wire::{
    ConnAck, Delivery, Dialect, FrameDecoder, Limits, Packet, ReasonCode, TransportError,
};

fn serve(mut client: TcpStream) -> Result<(), TransportError<io::Error>> {
    let (mut decoder, mut connected) = (FrameDecoder::accept(Limits::default()), false);
    loop {
        match decoder.read_packet(&mut client) {
            Ok(Some(Packet::Connect(connect))) if !connected => {
                let connack = Packet::from(ConnAck::new(ReasonCode::Success));
                connack.write_to(&mut client, Dialect::from_server(connect.version))?;
                connected = true;
            }
            Ok(Some(Packet::PingReq)) => client.write_all(b"\xd0\x00")?, // PINGRESP
            Ok(Some(Packet::Publish(it))) if it.delivery == Delivery::AtMostOnce => {
                println!("{it:?}")
            }
            Ok(_) => return Ok(()),
            Err(error) => {
                client.write_all(&error.answer(connected))?;
                return Err(error);
            }
        }
    }
}

fn main() -> io::Result<()> {
    for client in TcpListener::bind("127.0.0.1:1883")?.incoming() {
        println!("the connection ended: {:?}", serve(client?));
    }
    Ok(())
}
