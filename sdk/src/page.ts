/** One page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  /** For the next page. Empty: this was the last. */
  readonly nextPageToken: string;
}

/** How a list is read. */
export interface ListOptions {
  /** Items a page, at most 1,000. Default: the service's, 50 for most lists. */
  readonly pageSize?: number | undefined;
  /** Begins with this page, of the same list. */
  readonly pageToken?: string | undefined;
}

/** A list: `await` gives one page, `for await` goes through every item of this page and all behind it. */
export interface PagedList<T> extends PromiseLike<Page<T>>, AsyncIterable<T> {
  /** Goes through the pages themselves. */
  pages(): AsyncGenerator<Page<T>, void, undefined>;
}

/** Makes a list of pages. Nothing is asked for before the list is awaited or iterated. */
export function createPagedList<T>(fetch: (pageToken: string) => Promise<Page<T>>, start = ""): PagedList<T> {
  async function* pages(): AsyncGenerator<Page<T>, void, undefined> {
    let token = start;
    do {
      const page = await fetch(token);
      yield page;
      token = page.nextPageToken;
    } while (token !== "");
  }
  return {
    then: (resolve, reject) => fetch(start).then(resolve, reject),
    pages,
    async *[Symbol.asyncIterator]() {
      for await (const page of pages()) yield* page.items;
    },
  };
}
