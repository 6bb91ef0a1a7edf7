/** Counts the primes below a number, in a thread. @param {{ below: number }} range */
export default function countPrimes({ below }) {
  let count = 0
  for (let n = 2; n < below; n++) {
    let divisor = 2
    while (divisor * divisor <= n && n % divisor !== 0) divisor++
    if (divisor * divisor > n) count++
  }
  return count
}
