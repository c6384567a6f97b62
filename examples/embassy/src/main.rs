//! Runs the lamp on the host: its network is a cable that returns each IP packet, so the server is in the same stack.
//! On a device `main` has the driver of the hardware instead, and `embassy::run` stays as it is.

use std::ops::ControlFlow;
use std::process;

use embassy::run;
use embassy_executor::Spawner;
use embassy_futures::join::join;
use embassy_net::driver::{HardwareAddress, LinkState};
use embassy_net::tcp::{self, TcpReader, TcpSocket, TcpWriter};
use embassy_net::{Config, Ipv4Address, Ipv4Cidr, Runner, Stack, StackResources, StaticConfigV4};
use embassy_net_driver_channel::{Device, Runner as Cable, State};
use embassy_time::{Duration, TimeoutError, with_timeout};
use embedded_io_async::Write;
use mqtt_wire::{
    ConnAck, Dialect, Packet, PacketReader, PacketWriter, ReasonCode, ReasonCodes, SubAck,
    TransportError, Version,
};
use static_cell::StaticCell;

const MTU: usize = 1500;
const ADDRESS: Ipv4Address = Ipv4Address::LOCALHOST;
const PORT: u16 = 1883;

/// The message of each connection.
const MESSAGES: [&[u8]; 2] = [
    b"\x32\x12\x00\x0blamp/switch\x00\x07\x00on", // PUBLISH with QoS 1
    b"\x36\x12\x00\x0blamp/switch\x00\x07\x00on", // with QoS 3, which is malformed
];

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    static STATE: StaticCell<State<MTU, 4, 4>> = StaticCell::new();
    static RESOURCES: StaticCell<StackResources<2>> = StaticCell::new();
    let state = STATE.init(State::new());
    let (cable, device) = embassy_net_driver_channel::new(state, HardwareAddress::Ip);
    let config = Config::ipv4_static(StaticConfigV4 {
        address: Ipv4Cidr::new(ADDRESS, 8),
        gateway: None,
        dns_servers: Default::default(),
    });
    let resources = RESOURCES.init(StackResources::new());
    let (stack, runner) = embassy_net::new(device, config, resources, 0);
    spawner.spawn(run_stack(runner).expect("started once"));
    spawner.spawn(run_cable(cable).expect("started once"));

    for message in MESSAGES {
        let obey = |payload: &[u8]| {
            println!("lamp: {}", String::from_utf8_lossy(payload));
            ControlFlow::Break(())
        };
        let lamp = run(stack, (ADDRESS, PORT).into(), obey);
        let both = join(serve(stack, message), lamp);
        match with_timeout(Duration::from_secs(60), both).await {
            Ok(((), Ok(()))) => println!("lamp: disconnected"),
            Ok(((), Err(error))) => println!("lamp: {error:?}"),
            Err(TimeoutError) => process::exit(1),
        }
    }
    process::exit(0);
}

#[embassy_executor::task]
async fn run_stack(mut runner: Runner<'static, Device<'static, MTU>>) {
    runner.run().await
}

#[embassy_executor::task]
async fn run_cable(cable: Cable<'static, MTU>) {
    let (state, mut receiver, mut sender) = cable.split();
    state.set_link_state(LinkState::Up);
    loop {
        let sent = sender.tx_buf().await;
        let received = receiver.rx_buf().await;
        received[..sent.len()].copy_from_slice(sent);
        receiver.rx_done(sent.len());
        sender.tx_done();
    }
}

/// A server for one client. It prints what it receives, and sends the message when the lamp has subscribed.
async fn serve(stack: Stack<'static>, message: &[u8]) {
    let (mut receive_buffer, mut send_buffer) = ([0; 512], [0; 512]);
    let mut socket = TcpSocket::new(stack, &mut receive_buffer, &mut send_buffer);
    socket.accept(PORT).await.expect("the port is free");
    let (reader, writer) = socket.split();
    if let Err(error) = converse(reader, writer, message).await {
        println!("server: {error}");
    }
    socket.close();
    let _ = socket.flush().await;
}

async fn converse(
    reader: TcpReader<'_>,
    writer: TcpWriter<'_>,
    message: &[u8],
) -> Result<(), TransportError<tcp::Error>> {
    let (mut received, mut sent) = ([0; 256], [0; 256]);
    let mut reader = PacketReader::accept(reader, &mut received);
    let mut writer = PacketWriter::new(writer, &mut sent, Dialect::from_server(Version::V5));
    while let Some(packet) = reader.next_packet().await? {
        match packet {
            Packet::Disconnect(disconnect) => println!("server: {}", disconnect.reason_code),
            _ => println!("server: {}", packet.packet_type()),
        }
        match packet {
            Packet::Connect(_) => {
                writer
                    .write(ConnAck::new(ReasonCode::Success).into())
                    .await?;
            }
            Packet::Subscribe(subscribe) => {
                let codes = ReasonCodes::new(&[ReasonCode::GrantedQos1]);
                let suback = SubAck::new(subscribe.packet_id, codes);
                writer.write(Packet::SubAck(suback)).await?;
                let writer = writer.get_mut();
                writer
                    .write_all(message)
                    .await
                    .map_err(TransportError::Io)?;
            }
            _ => {}
        }
    }
    Ok(())
}
