/**
 * How deep JSON may be that callers give and are given. Readers of binary messages give up at 100 messages one in another,
 * and an object takes three of them a level.
 */
export const deepestJson = 25;
