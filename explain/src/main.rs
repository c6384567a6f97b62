mod capture;

fn main() {
    let bytes = std::fs::read(std::env::args_os().nth(1).unwrap_or_default()).unwrap_or_default();
    println!("{:?}", capture::read_capture(&bytes, None));
}
