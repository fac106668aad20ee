import { start } from "./start";

start(window);
