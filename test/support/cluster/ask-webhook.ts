import { request } from "node:https";
import { text } from "node:stream/consumers";

/** Asks a controller's webhooks as an API server would, whatever certificate they show. Gives what is answered, or what went wrong. */
export function askWebhook(port: number, review: object, path = "/validate"): Promise<string> {
  return new Promise((resolve) => {
    const options = { host: "127.0.0.1", port, path, method: "POST", rejectUnauthorized: false, agent: false };
    const sent = request(options, (answer) => void text(answer).then(resolve));
    sent.on("error", (error) => resolve(error.message));
    sent.end(JSON.stringify(review));
  });
}
