/**
 * The type of a value after a round trip through JSON. An object with `toJSON` becomes the result of that (a Date becomes text);
 * other objects lose their methods. `never` for values that JSON cannot represent, such as a Map; they are refused.
 */
export type Jsonified<T> = unknown extends T
  ? T
  : T extends string | number | boolean | null | undefined
    ? T
    : T extends { toJSON(...args: never[]): infer Json }
      ? Jsonified<Json>
      : T extends Unjson
        ? never
        : T extends readonly unknown[]
          ? JsonifiedList<T>
          : {
              [Key in keyof T as T[Key] extends (...args: never[]) => unknown ? never : Key]: Jsonified<
                T[Key]
              >
            }

/** Tuples stay tuples. Of other lists TypeScript resolves the items later, so a type may contain lists of itself. */
type JsonifiedList<T extends readonly unknown[]> = T[number][] extends T
  ? T extends unknown[]
    ? Jsonified<T[number]>[]
    : readonly Jsonified<T[number]>[]
  : { [At in keyof T]: Jsonified<T[At]> }

type Unjson =
  | bigint
  | symbol
  | ((...args: never[]) => unknown)
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | Error
  | RegExp
  | ArrayBuffer
  | ArrayBufferView
  | Promise<unknown>
