import { startCarts } from "./index";

window.modori.part?.("carts", startCarts);
