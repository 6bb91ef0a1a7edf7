/** What a limit counts for, such as a user or an address: text, or for rules with `per` an object with a text for each part. */
export type LimiterSubject = string | Readonly<Record<string, string>>
