mod capture;
mod dissect;
mod input;
mod judge;
mod stream;

fn main() {
    let bytes = std::fs::read(std::env::args_os().nth(1).unwrap_or_default()).unwrap_or_default();
    match input::parse(&bytes) {
        Ok(input) if input.format == input::Format::Capture => {
            println!("{:?}", capture::read_capture(&input.bytes, None));
        }
        Ok(input) => println!(
            "{}: {:?}, {} bytes of headers",
            input.format, input.bytes, input.headers
        ),
        Err(error) => println!("{error}"),
    }
    let _ = judge::run(std::io::stdin().lock(), std::io::stdout().lock());
}
