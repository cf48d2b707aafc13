import type { JsonValue } from "@bufbuild/protobuf";

/** A JSON schema, draft 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * The type of the values that fit a JSON schema written in place: objects, arrays, texts, numbers, yes and no, null, `enum`,
 * `const`, `anyOf` and `oneOf`. Of what it does not see through it says JsonValue.
 */
export type FromSchema<Schema> = Schema extends { readonly const: infer Only }
  ? Only
  : Schema extends { readonly enum: readonly (infer One)[] }
    ? One
    : Schema extends { readonly anyOf: readonly (infer Any)[] } | { readonly oneOf: readonly (infer Any)[] }
      ? FromSchema<Any>
      : Schema extends { readonly type: infer Type }
        ? OfType<Type, Schema>
        : JsonValue;

type OfType<Type, Schema> = Type extends readonly (infer One)[]
  ? OfType<One, Schema>
  : Type extends "object"
    ? ObjectOf<Schema>
    : Type extends "array"
      ? Schema extends { readonly items: infer Item }
        ? FromSchema<Item>[]
        : JsonValue[]
      : Type extends "string"
        ? string
        : Type extends "number" | "integer"
          ? number
          : Type extends "boolean"
            ? boolean
            : Type extends "null"
              ? null
              : JsonValue;

type ObjectOf<Schema> = Schema extends { readonly properties: infer Properties }
  ? Flat<
      { -readonly [Key in keyof Properties & RequiredOf<Schema>]: FromSchema<Properties[Key]> } & {
        -readonly [Key in Exclude<keyof Properties, RequiredOf<Schema>>]?: FromSchema<Properties[Key]>;
      }
    >
  : Schema extends { readonly additionalProperties: infer Value extends object }
    ? Record<string, FromSchema<Value>>
    : Record<string, JsonValue>;

type RequiredOf<Schema> = Schema extends { readonly required: readonly (infer Name)[] } ? Name : never;

type Flat<T> = { [Key in keyof T]: T[Key] };
