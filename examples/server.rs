// The server of README.md, which has the same text without this line.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};

use mqtt_wire::Packet::{Connect, PingReq, Publish};
use mqtt_wire::{FrameDecoder, Limits};

fn serve(mut client: TcpStream) -> io::Result<()> {
    let client_id = client.peer_addr()?.to_string(); // for a client that sends none
    let (mut decoder, mut open) = (FrameDecoder::accept(Limits::default()), false);
    loop {
        match decoder.read_packet(&mut client) {
            Ok(Some(Connect(it))) if !open => client.write_all(it.accept(&client_id)?.as_ref())?,
            Ok(Some(Publish(it))) if it.delivery.packet_id().is_none() => println!("{it:?}"),
            Ok(Some(PingReq)) => client.write_all(b"\xd0\x00")?, // PINGRESP
            Ok(_) => return Ok(()),
            Err(error) => return client.write_all(&error.answer(open)).and(Err(error.into())),
        }
        open = true;
    }
}

fn main() -> io::Result<()> {
    for client in TcpListener::bind("127.0.0.1:1883")?.incoming() {
        if let Err(error) = serve(client?) {
            println!("{error}");
        }
    }
    Ok(())
}
