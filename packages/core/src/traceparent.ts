/** https://www.w3.org/TR/trace-context/#traceparent-header: version `ff` and ids of zeros are invalid. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/

/** The text if it is a traceparent. Any other is dropped, as the W3C specification asks of a receiver: a caller or another program may have written it. */
export function checkedTraceparent(text: string | undefined): string | undefined {
  return typeof text === 'string' && TRACEPARENT.test(text) ? text : undefined
}
