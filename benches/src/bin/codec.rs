fn main() { amqp_benches::verify(); 
  use std::time::Instant;
  for mut c in amqp_benches::cases() { print!("{:?} {:?}:", c.direction, c.scenario);
    for r in &mut c.run { r(1000); let mut v: Vec<f64> = (0..21).map(|_| { let t = Instant::now(); r(20000); t.elapsed().as_nanos() as f64/20000.0}).collect(); v.sort_by(f64::total_cmp); print!(" {:.1}", v[10]); } println!(); }
}
