/** The SQLite connection: cached statements, transactions, typed rows. */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { join } from "../../platform/std/path.ts";
import { prepareDatabase } from "./schema.ts";

/** What SQLite takes and gives. */
export type SqlValue = string | number | null | Uint8Array;

/** One open database; see {@link openDatabase}. */
export class Database {
  readonly #statements = new Map<string, StatementSync>();
  #depth = 0;

  constructor(private readonly db: DatabaseSync) {}

  /** Runs a statement that returns no rows. */
  run(
    sql: string,
    ...values: SqlValue[]
  ): { changes: number; id: number } {
    const { changes, lastInsertRowid } = this.#statement(sql).run(...values);
    return { changes: Number(changes), id: Number(lastInsertRowid) };
  }

  /** The first row, or undefined. `T` names the columns; SQLite's own checks hold their types. */
  get<T>(sql: string, ...values: SqlValue[]): T | undefined {
    return this.#statement(sql).get(...values) as T | undefined;
  }

  /** All rows. */
  all<T>(sql: string, ...values: SqlValue[]): T[] {
    return this.#statement(sql).all(...values) as T[];
  }

  /** Runs `work` in a transaction; one inside another becomes a savepoint. */
  transaction<T>(work: () => T): T {
    const depth = this.#depth;
    const name = `s${depth}`;
    this.db.exec(depth === 0 ? "BEGIN IMMEDIATE" : `SAVEPOINT ${name}`);
    this.#depth = depth + 1;
    try {
      const result = work();
      this.db.exec(depth === 0 ? "COMMIT" : `RELEASE ${name}`);
      return result;
    } catch (error) {
      // Some faults (a full disk) make SQLite roll back by itself.
      if (this.db.isTransaction) {
        this.db.exec(
          depth === 0 ? "ROLLBACK" : `ROLLBACK TO ${name}; RELEASE ${name}`,
        );
      }
      throw error;
    } finally {
      this.#depth = depth;
    }
  }

  close(): void {
    this.#statements.clear();
    this.db.close();
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/**
 * Opens (or creates) the hub's database in `dataDir`.
 *
 * @throws {AppError} See {@link prepareDatabase}.
 */
export function openDatabase(dataDir: string): Database {
  const db = new DatabaseSync(join(dataDir, "hub.sqlite"));
  try {
    prepareDatabase(db);
  } catch (error) {
    db.close();
    throw error;
  }
  return new Database(db);
}

/** Now, as the tables keep time. */
export function nowText(): string {
  return new Date().toISOString();
}
