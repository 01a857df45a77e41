/** Browsers: the Socket.IO namespace `/chat`. Every event is checked for its owner. */
import type { Namespace, Socket } from "socket.io";
import type { z } from "zod";
import { AppError } from "../../platform/mod.ts";
import {
  chatAnswer,
  chatCancel,
  chatRetry,
  chatSend,
  chatSteer,
  chatTakeBack,
  FROM_CHAT,
  parsePayload,
  setPermissionMode,
  taskJoin,
  taskLeave,
  TO_CHAT,
} from "../../protocol/mod.ts";
import { isExpired, type Login } from "../auth/mod.ts";
import type { HubCore } from "../core.ts";
import { type Ack, receive, refuse } from "./receive.ts";
import type { Audience } from "../turns.ts";

/** Most conversations one page may watch at a time. */
const MAX_JOINED = 50;

/** Serves browsers on `namespace` and returns the way to reach them. */
export function serveBrowsers(namespace: Namespace, core: HubCore): Audience {
  namespace.use((socket, next) => {
    const token: unknown = socket.handshake.auth?.token;
    const login = typeof token === "string" ? core.auth.byToken(token) : undefined;
    if (core.draining) next(new Error("Server is shutting down"));
    else if (!login?.user.is_active) next(new Error("Invalid or expired token"));
    else {
      socket.data = { login };
      next();
    }
  });
  namespace.on("connection", (socket) => {
    new BrowserConnection(socket, namespace, core).serve();
  });
  return {
    toUser: (userId, event, payload) => void namespace.to(userRoom(userId)).emit(event, payload),
    toTask: (taskId, event, payload) => void namespace.to(taskRoom(taskId)).emit(event, payload),
  };
}

function userRoom(userId: number): string {
  return `user:${userId}`;
}

function taskRoom(taskId: number): string {
  return `task:${taskId}`;
}

/** One open page. */
class BrowserConnection {
  readonly #login: Login;

  constructor(
    private readonly socket: Socket,
    private readonly namespace: Namespace,
    private readonly core: HubCore,
  ) {
    this.#login = (socket.data as { login: Login }).login;
  }

  serve(): void {
    void this.socket.join(userRoom(this.#login.user.id));
    receive(this.socket, this.core, (name, args, ack) => {
      if (!this.#expired(ack)) this.#handle(name, args[0], ack);
    });
  }

  /** The token's end is checked with every event; a page that only listens is cut at its next one. */
  #expired(ack: Ack): boolean {
    if (!isExpired(this.#login.claims)) return false;
    const answer = { error: "Token expired", code: "TOKEN_EXPIRED" };
    this.socket.emit(TO_CHAT.authError, answer);
    ack({ error: answer.error });
    this.socket.disconnect(true);
    return true;
  }

  #handle(name: string, payload: unknown, ack: Ack): void {
    switch (name) {
      case FROM_CHAT.send:
        return this.#send(parsePayload(chatSend, payload, name), ack);
      case FROM_CHAT.cancel: {
        const { subtask_id } = parsePayload(chatCancel, payload, name);
        this.core.turns.cancel(this.#login.user.id, subtask_id);
        return ack({ success: true });
      }
      case FROM_CHAT.retry:
        return this.#retry(parsePayload(chatRetry, payload, name), ack);
      case FROM_CHAT.answer: {
        const given = parsePayload(chatAnswer, payload, name);
        const answered = this.core.questions.answer(this.#login.user.id, given);
        return void answered.then(ack, (error) => refuse(this.core, name, error, ack));
      }
      case FROM_CHAT.steer: {
        const message = parsePayload(chatSteer, payload, name);
        const input_id = this.core.steering.steer(this.#login.user.id, message);
        return ack({ success: true, input_id });
      }
      case FROM_CHAT.takeBack: {
        const { subtask_id, input_id } = parsePayload(chatTakeBack, payload, name);
        const text = this.core.steering.takeBack(this.#login.user.id, subtask_id, input_id);
        return ack({ success: true, text });
      }
      case FROM_CHAT.setPermissionMode: {
        const { task_id, permission_mode } = parsePayload(setPermissionMode, payload, name);
        this.core.questions.setMode(this.#login.user.id, task_id, permission_mode);
        return ack({ success: true });
      }
      case FROM_CHAT.join:
        return this.#join(parsePayload(taskJoin, payload, name), ack);
      case FROM_CHAT.leave: {
        const { task_id } = parsePayload(taskLeave, payload, name);
        void this.socket.leave(taskRoom(task_id));
        return ack({ success: true });
      }
      case FROM_CHAT.closeSession:
        return this.#closeSession(payload, ack);
      case FROM_CHAT.historySync:
        return this.#history(parsePayload(taskJoin, payload, name), ack);
      default:
        ack({ error: "Unknown event" });
    }
  }

  #send(message: z.output<typeof chatSend>, ack: Ack): void {
    const { user } = this.#login;
    const sent = this.core.turns.send(user, message);
    const { task, userMessage, turn, dispatch, created } = sent;
    void this.socket.join(taskRoom(task.id));
    ack({
      task_id: task.id,
      subtask_id: userMessage.id,
      message_id: userMessage.message_id,
      assistant_subtask_id: turn.id,
    });
    const { core, namespace, socket } = this;
    namespace.to(taskRoom(task.id)).except(socket.id).emit(
      TO_CHAT.message,
      core.views.subtask(userMessage, user.id),
    );
    core.audience.toUser(
      user.id,
      created ? TO_CHAT.taskCreated : TO_CHAT.taskStatus,
      {
        ...core.views.task(task, { status: turn.status, waiting: false }),
        progress: 0,
        completed_at: null,
      },
    );
    if (message.permission_mode && !created) {
      core.questions.tellMode(task.id, task.permission_mode);
    }
    if ((message.model !== undefined || message.effort !== undefined) && !created) {
      core.tellModel(task.id, task);
    }
    core.turns.start(dispatch);
  }

  #retry(
    { subtask_id, task_id, device_id }: z.output<typeof chatRetry>,
    ack: Ack,
  ): void {
    const { turns, store } = this.core;
    if (store.tasks.subtask(subtask_id)?.task_id !== task_id) {
      throw new AppError("not_found", "Subtask not found");
    }
    const dispatch = turns.retry(
      this.#login.user,
      subtask_id,
      device_id ?? null,
    );
    ack({ success: true, task_id, subtask_id });
    turns.start(dispatch);
  }

  #join(
    { task_id, after_message_id }: z.output<typeof taskJoin>,
    ack: Ack,
  ): void {
    const { store, views } = this.core;
    const task = store.tasks.task(this.#login.user.id, task_id);
    if (!task) throw new AppError("not_found", "Task not found");
    if (this.socket.rooms.size > MAX_JOINED) {
      throw new AppError("too_many", "Too many conversations are open");
    }
    const state = views.join(task, after_message_id ?? 0);
    void this.socket.join(taskRoom(task_id));
    ack(state);
  }

  #closeSession(payload: unknown, ack: Ack): void {
    const id = (payload as { task_id?: unknown } | null | undefined)?.task_id;
    if (id === undefined || id === null) return ack({ error: "Missing task_id" });
    const { task_id } = parsePayload(
      taskLeave,
      payload,
      FROM_CHAT.closeSession,
    );
    this.core.turns.closeSession(this.#login.user.id, task_id);
    ack({ success: true });
  }

  #history(
    { task_id, after_message_id }: z.output<typeof taskJoin>,
    ack: Ack,
  ): void {
    const { store, views } = this.core;
    const task = store.tasks.task(this.#login.user.id, task_id);
    if (!task) throw new AppError("not_found", "Task not found");
    const { subtasks } = views.join(task, after_message_id ?? 0);
    ack({
      messages: subtasks.map((s) => ({
        subtask_id: s.subtask_id,
        message_id: s.message_id,
        role: s.role,
        content: s.content,
        attachments: s.attachments,
        status: s.status,
        created_at: s.created_at,
      })),
    });
  }
}
