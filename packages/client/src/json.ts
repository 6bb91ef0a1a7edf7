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
          ? { [At in keyof T]: Jsonified<T[At]> }
          : {
              [Key in keyof T as T[Key] extends (...args: never[]) => unknown ? never : Key]: Jsonified<
                T[Key]
              >
            }

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
