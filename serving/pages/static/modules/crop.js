// A part of a photo: drawn, moved and resized by dragging, or set edge by edge.
const LEAST = 0.05, WHOLE = { left: 0, top: 0, right: 1, bottom: 1 };
const within = (value, low = 0, high = 1) => Math.min(high, Math.max(low, value));

export const cropper = (frame, mark, edges, changed) => {
  let box = null, drag = null;

  const draw = () => {
    mark.hidden = !box;
    const { left, top, right, bottom } = box ?? WHOLE;
    Object.assign(mark.style, { left: `${left * 100}%`, top: `${top * 100}%`, width: `${(right - left) * 100}%`, height: `${(bottom - top) * 100}%` });
    edges.forEach((edge) => { edge.value = Math.round((box ?? WHOLE)[edge.name] * 100); });
  };
  const set = (next, isDone) => {
    box = next && (next.right - next.left < LEAST || next.bottom - next.top < LEAST) ? null : next;
    draw();
    if (isDone) changed(box);
  };
  const at = (event) => {
    const area = frame.getBoundingClientRect();
    return { x: within((event.clientX - area.left) / area.width), y: within((event.clientY - area.top) / area.height) };
  };
  const between = (one, other) => ({
    left: Math.min(one.x, other.x), right: Math.max(one.x, other.x), top: Math.min(one.y, other.y), bottom: Math.max(one.y, other.y),
  });
  // Where a drag that began here would put the box.
  const beginning = (event) => {
    const from = at(event), corner = event.target.dataset.corner;
    if (corner) {
      const fixed = { x: corner.includes("left") ? box.right : box.left, y: corner.includes("top") ? box.bottom : box.top };
      return (to) => between(fixed, to);
    }
    if (event.target !== mark) return (to) => between(from, to);
    const start = box, wide = start.right - start.left, high = start.bottom - start.top;
    return (to) => {
      const left = within(start.left + to.x - from.x, 0, 1 - wide), top = within(start.top + to.y - from.y, 0, 1 - high);
      return { left, top, right: left + wide, bottom: top + high };
    };
  };
  frame.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    frame.setPointerCapture(event.pointerId);
    drag = beginning(event);
  });
  frame.addEventListener("pointermove", (event) => { if (drag) set(drag(at(event))); });
  frame.addEventListener("pointerup", (event) => { if (drag) { set(drag(at(event)), true); drag = null; } });
  frame.addEventListener("pointercancel", () => { drag = null; });
  edges.forEach((edge) => edge.addEventListener("input", () => {
    const next = { ...(box ?? WHOLE), [edge.name]: edge.value / 100 };
    if (edge.name === "left") next.left = Math.min(next.left, next.right - LEAST);
    if (edge.name === "right") next.right = Math.max(next.right, next.left + LEAST);
    if (edge.name === "top") next.top = Math.min(next.top, next.bottom - LEAST);
    if (edge.name === "bottom") next.bottom = Math.max(next.bottom, next.top + LEAST);
    set(Object.keys(WHOLE).every((side) => next[side] === WHOLE[side]) ? null : next, true);
  }));
  return {
    text: () => (box ? ["left", "top", "right", "bottom"].map((side) => box[side].toFixed(3)).join(",") : ""),
    read: (text) => {
      const [left, top, right, bottom] = (text ?? "").split(",").map(Number);
      set(bottom > top && right > left ? { left, top, right, bottom } : null);
    },
  };
};
