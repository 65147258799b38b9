//! Counts the allocations of one operation, for `codec`: a line for each case, a number for each variant.
#![forbid(unsafe_code)]

use amqp_benches::cases;

fn main() {
    for mut case in cases() {
        // The first operation grows the buffers that are kept.
        let counts = case.run.each_mut().map(|run| {
            run(1);
            allocation_counter::measure(|| run(1)).count_total.to_string()
        });
        println!("{}", counts.join(" "));
    }
}
