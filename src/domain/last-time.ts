/** The last moment that can be told: protobuf's times end with the year 9999. Nothing that is stored may come later. */
export const lastTimeMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
