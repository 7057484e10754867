"use strict";
for (const canvas of document.querySelectorAll("canvas.viewer")) {
  const scene = JSON.parse(canvas.dataset.scene);
  const size = canvas.width, ratio = window.devicePixelRatio || 1;
  canvas.style.width = size + "px";
  canvas.style.aspectRatio = "1";
  canvas.width = canvas.height = size * ratio;
  const pen = canvas.getContext("2d");
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const calm = still || scene.paused === true;
  let azimuth = calm && !still ? 0 : 0.5, elevation = 0.15, held = null, frame = 0, clock = 0;
  let turning = !calm, playing = !calm && scene.poses.length > 1, last = null, running = false;
  // The same view as keras_pose.viz.draw.view_points: right, down, away.
  const see = ([x, y, z]) => {
    const ca = Math.cos(azimuth), sa = Math.sin(azimuth);
    const ce = Math.cos(elevation), se = Math.sin(elevation);
    const level = z * ca - x * sa, half = size / 2, scale = half * 0.9;
    return [half + (x * ca + z * sa) * scale, half + (y * ce - level * se) * scale,
            level * ce + y * se];
  };
  const stroke = (a, b, width, colour, alpha) => {
    pen.globalAlpha = alpha; pen.lineWidth = width; pen.strokeStyle = colour; pen.lineCap = "round";
    pen.beginPath(); pen.moveTo(a[0], a[1]); pen.lineTo(b[0], b[1]); pen.stroke();
  };
  const draw = () => {
    const style = getComputedStyle(canvas), ink = style.color, ground = style.backgroundColor;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, size, size);
    const f = scene.floors ? scene.floors[frame] : scene.floor;
    for (let i = -3; i <= 3; i++) {
      const o = i / 4;
      stroke(see([o, f, -0.75]), see([o, f, 0.75]), 1, ink, 0.13);
      stroke(see([-0.75, f, o]), see([0.75, f, o]), 1, ink, 0.13);
    }
    // A joint that was not found is null, and its bones are not drawn.
    const pose = scene.poses[frame], points = pose.map((point) => point && see(point));
    const flat = pose.map((point) => point && see([point[0], f, point[2]]));
    const bones = scene.bones.filter(([a, b]) => pose[a] && pose[b]);
    // One path, or the shadow would be darker at every joint.
    pen.globalAlpha = 0.1; pen.lineWidth = size / 60; pen.strokeStyle = ink; pen.lineJoin = "round";
    pen.beginPath();
    for (const [a, b] of bones) {
      pen.moveTo(flat[a][0], flat[a][1]); pen.lineTo(flat[b][0], flat[b][1]);
    }
    pen.stroke();
    const depth = ([a, b]) => points[a][2] + points[b][2];
    for (const bone of bones.sort((p, q) => depth(q) - depth(p))) {
      const [a, b] = bone, p = points[a], q = points[b];
      const mix = (t) => [p[0] + (q[0] - p[0]) * t, p[1] + (q[1] - p[1]) * t];
      const width = size / 48 * (scene.widths ? scene.widths[b] : 1);
      stroke(mix(0.25), mix(0.75), width * 1.6, ground, 1);
      stroke(p, q, width, ground, 1);
      stroke(p, q, width, scene.colours[b], Math.max(0.4, Math.min(1, 0.75 - depth(bone) / 2)));
    }
    if (scene.truth.length) {
      const truth = scene.truth[frame].map(see);
      for (const [a, b] of bones) stroke(truth[a], truth[b], 1.5, ink, 0.75);
    }
    pen.globalAlpha = 1;
  };
  const show = (number) => {
    frame = number;
    canvas.dispatchEvent(new CustomEvent("frame", {detail: {frame, playing}}));
  };
  const tick = (now) => {
    const passed = last === null ? 0 : Math.min((now - last) / 1000, 0.1);
    last = now;
    if (turning) azimuth += passed * 0.5;
    if (playing) {
      clock = (clock + passed * scene.rate) % scene.poses.length;
      if (Math.floor(clock) !== frame) show(Math.floor(clock));
    }
    draw();
    running = turning || playing;
    if (running) requestAnimationFrame(tick);
    else last = null;
  };
  const run = () => { if (!running) { running = true; requestAnimationFrame(tick); } };
  const turn = (right, up) => {
    turning = false;
    azimuth += right;
    elevation = Math.max(-1.5, Math.min(1.5, elevation + up));
    run();
  };
  // A page around it moves the film: "seek" with the frame's number, "play" to start and to stop.
  canvas.addEventListener("seek", (event) => {
    playing = false;
    clock = event.detail;
    show(event.detail);
    run();
  });
  canvas.addEventListener("play", () => {
    playing = !playing && scene.poses.length > 1;
    show(frame);
    run();
  });
  canvas.addEventListener("pointerdown", (event) => {
    held = [event.clientX, event.clientY];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (held === null) return;
    turn((held[0] - event.clientX) / 120, (event.clientY - held[1]) / 120);
    held = [event.clientX, event.clientY];
  });
  for (const name of ["pointerup", "pointercancel"])
    canvas.addEventListener(name, () => { held = null; });
  canvas.addEventListener("keydown", (event) => {
    const step = {ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, -0.1],
                  ArrowDown: [0, 0.1]}[event.key];
    if (step) { turn(...step); event.preventDefault(); }
  });
  run();
}
