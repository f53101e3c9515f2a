//! Codes of half floats: sixteen bits a component, of two kinds.

use half::{bf16, f16};

use super::CodeQuery;
use crate::vector::distance::Half;

impl Half {
    /// Writes the code of a vector: its components divided by the largest one, so that each fits in a
    /// half float. Returns the inner product of code and vector.
    pub(super) fn encode(self, vector: &[f32], code: &mut [u8]) -> f64 {
        code.fill(0);
        let most = vector.iter().fold(0f32, |most, x| most.max(x.abs()));
        if most == 0.0 {
            return 0.0;
        }
        let mut with_vector = 0f64;
        for (&x, to) in vector.iter().zip(code.as_chunks_mut::<2>().0) {
            let part = x / most;
            let number = match self {
                Self::F16 => {
                    let number = f16::from_f32(part);
                    *to = number.to_le_bytes();
                    number.to_f32()
                }
                Self::Bf16 => {
                    let number = bf16::from_f32(part);
                    *to = number.to_le_bytes();
                    number.to_f32()
                }
            };
            with_vector += f64::from(number) * f64::from(x);
        }
        with_vector
    }

    /// Prepares a query.
    pub(super) fn query(self, mut vector: Vec<f32>) -> CodeQuery {
        vector.resize(self.stride(vector.len()) / 2, 0.0);
        CodeQuery::Half(vector)
    }
}
