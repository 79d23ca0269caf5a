# SPDX-License-Identifier: Apache-2.0
"""Renders the weight maps that `shapes3d_rendered` composes its images from.

Run once by a maintainer; the result ships with the package, so that every
machine composes the same bytes:

    python -m rtc_plugin.data.ground_truth.render_shapes3d

The scene: a square room, open above, an object standing on the middle of its
floor, a camera that goes round the object by azimuth and looks at it slightly
from above. The light is a soft dome with a broad sun in it, fixed to the room.
As the object is convex and stands on the floor, the only shadow to trace is the
one it throws on the floor, and that shadow scales with the object.

The colour of a pixel is a sum over four surfaces (floor, wall, object, sky) of
coverage times shade times the colour of the surface. Coverage and shade depend
on scale, shape and orientation alone: 8 * 4 * 15 = 480 maps of four weights.
"""

import hashlib
import os

import numpy as np

from rtc_plugin.files import whole_file

MAPS_PATH = os.path.join(os.path.dirname(__file__), "shapes3d_rendered.npz")

SCALES = np.linspace(0.75, 1.25, 8)
SHAPES = ("cube", "cylinder", "sphere", "capsule")
ORIENTATIONS = np.linspace(-30.0, 30.0, 15)  # azimuth of the camera, degrees
FLOOR, WALL, OBJECT, SKY = range(4)

IMAGE_SIZE = 64
SUBSAMPLES = 6  # rays per pixel and axis

ROOM_HALF_WIDTH = 5.5
WALL_HEIGHT = 4.4
CAMERA_DISTANCE = 5.2
CAMERA_HEIGHT = 2.7
CAMERA_TARGET = np.array([0.0, 0.0, 1.15])
FIELD_OF_VIEW = 60.0  # degrees

# Half side of the cube, radii, heights: of an object of scale 1.
CUBE_HALF = 0.92
CYLINDER_RADIUS, CYLINDER_HEIGHT = 0.92, 1.9
SPHERE_RADIUS = 1.08
CAPSULE_RADIUS, CAPSULE_HEIGHT = 0.78, 2.5

NUM_LIGHTS = 400
SUN_DIRECTION = np.array([-0.75, -0.5, 0.75])
SUN_SHARPNESS = 9.0
SUN_STRENGTH = 5.0
BOUNCE = 0.5  # light that the floor gives back, on surfaces that face down

# The floor's shadow map of an object of scale 1 covers [-extent, extent]^2.
SHADOW_EXTENT = 6.0
SHADOW_CELLS = 144


def _unit(v):
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def light_dome():
    """Returns directions [lights, 3] on the upper hemisphere and radiances."""
    i = np.arange(NUM_LIGHTS) + 0.5
    z = i / NUM_LIGHTS  # uniform in solid angle
    angle = np.pi * (1 + 5**0.5) * i  # a Fibonacci spiral
    r = np.sqrt(1 - z * z)
    directions = np.stack([r * np.cos(angle), r * np.sin(angle), z], axis=1)
    towards_sun = directions @ _unit(SUN_DIRECTION)
    radiance = 1 + SUN_STRENGTH * np.exp(SUN_SHARPNESS * (towards_sun - 1))
    return directions, radiance / np.sum(radiance * z)  # open floor: irradiance 1


def irradiance(normals, dome):
    """Unshadowed irradiance, at most 1, of surfaces with unit `normals` [..., 3]."""
    directions, radiance = dome
    direct = np.maximum(normals @ directions.T, 0) @ radiance
    return np.minimum(direct + BOUNCE * (1 - normals[..., 2]) / 2, 1)


def _smallest_root(a, half_b, c):
    """Nearer root of a t^2 + 2 half_b t + c = 0, infinity where there is none."""
    disc = half_b * half_b - a * c
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(disc > 0, (-half_b - np.sqrt(disc)) / a, np.inf)


def _hit_cube(o, d):
    centre = np.array([0, 0, CUBE_HALF])
    with np.errstate(divide="ignore"):
        inv = 1 / d
    near, far = (centre - CUBE_HALF - o) * inv, (centre + CUBE_HALF - o) * inv
    enter = np.minimum(near, far)
    t_in, t_out = enter.max(-1), np.maximum(near, far).min(-1)
    normals = -np.sign(d) * (enter == t_in[..., None])
    return np.where(t_in < t_out, t_in, np.inf), normals


def _hit_sphere(o, d, radius, height):
    oc = o - np.array([0, 0, height])
    t = _smallest_root((d * d).sum(-1), (oc * d).sum(-1), (oc * oc).sum(-1) - radius**2)
    with np.errstate(invalid="ignore"):
        return t, (oc + t[..., None] * d) / radius


def _hit_tube(o, d, radius, bottom, top):
    """Upright open tube around the z axis."""
    oxy, dxy = o[..., :2], d[..., :2]
    t = _smallest_root(
        (dxy * dxy).sum(-1), (oxy * dxy).sum(-1), (oxy * oxy).sum(-1) - radius**2
    )
    with np.errstate(invalid="ignore"):
        z = o[..., 2] + t * d[..., 2]
        normals = (o + t[..., None] * d) / radius * np.array([1.0, 1.0, 0.0])
    return np.where((z > bottom) & (z < top), t, np.inf), normals


def _hit_lid(o, d, radius, height):
    """Disc that closes the cylinder from above."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (height - o[..., 2]) / d[..., 2]
        xy = o[..., :2] + t[..., None] * d[..., :2]
        inside = (xy * xy).sum(-1) < radius**2
    normals = np.broadcast_to(np.array([0.0, 0.0, 1.0]), d.shape)
    return np.where(inside, t, np.inf), normals


def _nearest(*hits):
    t, normals = hits[0]
    for other_t, other_normals in hits[1:]:
        nearer = (other_t > 0) & (other_t < np.where(t > 0, t, np.inf))
        t = np.where(nearer, other_t, t)
        normals = np.where(nearer[..., None], other_normals, normals)
    return t, normals


def intersect(shape, o, d):
    """Intersects rays with an object of scale 1 that stands on the origin.

    Args:
      shape: One of `SHAPES`.
      o: Origins of the rays, [..., 3].
      d: Directions of the rays, [..., 3].

    Returns:
      Distance along each ray (infinite or negative where it misses) and the
      unit normals at the hits [..., 3] (arbitrary where it misses).
    """
    if shape == "cube":
        return _hit_cube(o, d)
    if shape == "cylinder":
        return _nearest(
            _hit_tube(o, d, CYLINDER_RADIUS, 0, CYLINDER_HEIGHT),
            _hit_lid(o, d, CYLINDER_RADIUS, CYLINDER_HEIGHT),
        )
    if shape == "sphere":
        return _hit_sphere(o, d, SPHERE_RADIUS, SPHERE_RADIUS)
    low, high = CAPSULE_RADIUS, CAPSULE_HEIGHT - CAPSULE_RADIUS
    return _nearest(
        _hit_tube(o, d, CAPSULE_RADIUS, low, high),
        _hit_sphere(o, d, CAPSULE_RADIUS, low),
        _hit_sphere(o, d, CAPSULE_RADIUS, high),
    )


def floor_light(shape, dome):
    """Irradiance of the floor round an object of scale 1, [cells, cells] (x, y)."""
    directions, radiance = dome
    axis = np.linspace(-SHADOW_EXTENT, SHADOW_EXTENT, SHADOW_CELLS)
    x, y = np.meshgrid(axis, axis, indexing="ij")
    points = np.stack([x, y, np.full_like(x, 1e-6)], axis=-1)
    light = np.zeros_like(x)
    for direction, power in zip(directions, radiance):
        # No component of a direction is ever zero, so the cube's slabs are safe.
        t, _ = intersect(shape, points, np.broadcast_to(direction, points.shape))
        light += power * direction[2] * ~((t > 0) & np.isfinite(t))
    return light


def _interpolate(grid, xy):
    """Bilinear look-up of a floor map; 1 (no shadow) outside of it."""
    u = (xy / SHADOW_EXTENT + 1) / 2 * (SHADOW_CELLS - 1)
    inside = np.all((u >= 0) & (u < SHADOW_CELLS - 1), axis=-1)
    u = np.where(inside[..., None], u, 0)
    i = u.astype(np.int64)
    f = u - i
    i, j, fi, fj = i[..., 0], i[..., 1], f[..., 0], f[..., 1]
    low = grid[i, j] * (1 - fj) + grid[i, j + 1] * fj
    high = grid[i + 1, j] * (1 - fj) + grid[i + 1, j + 1] * fj
    return np.where(inside, low * (1 - fi) + high * fi, 1.0)


def camera_rays(azimuth):
    """Returns the camera's position [3] and ray directions [rays, 3].

    Args:
      azimuth: Angle of the camera around the object in degrees.

    Rays run over the image's rows, columns and then the pixel's subsamples.
    """
    a = np.deg2rad(azimuth)
    position = np.array(
        [CAMERA_DISTANCE * np.sin(a), -CAMERA_DISTANCE * np.cos(a), CAMERA_HEIGHT]
    )
    forward = _unit(CAMERA_TARGET - position)
    right = np.array([np.cos(a), np.sin(a), 0.0])
    up = np.cross(right, forward)
    n = IMAGE_SIZE * SUBSAMPLES
    axis = (2 * (np.arange(n) + 0.5) / n - 1) * np.tan(np.deg2rad(FIELD_OF_VIEW) / 2)
    axis = axis.reshape(IMAGE_SIZE, SUBSAMPLES)
    v = -axis[:, None, :, None]
    h = axis[None, :, None, :]
    d = forward + h[..., None] * right + v[..., None] * up
    return position, _unit(d.reshape(-1, 3))


def _corner_dimming(distance):
    """Corners get less light: the usual look of ambient occlusion."""
    return 1 - 0.3 * np.exp(-distance / 0.9)


def room(position, d, dome):
    """Meets the rays with the empty room.

    Returns:
      surface [rays] (FLOOR, WALL or SKY), shade [rays] and floor points
      [rays, 2] (meaningless elsewhere).
    """
    with np.errstate(divide="ignore"):
        t_floor = np.where(d[:, 2] < 0, -position[2] / d[:, 2], np.inf)
        t_sides = (np.sign(d[:, :2]) * ROOM_HALF_WIDTH - position[:2]) / d[:, :2]
    side = t_sides.argmin(-1)
    t_wall = t_sides.min(-1)
    on_floor = t_floor < t_wall
    p = position + np.minimum(t_floor, t_wall)[:, None] * d
    surface = np.where(on_floor, FLOOR, np.where(p[:, 2] < WALL_HEIGHT, WALL, SKY))

    to_walls = ROOM_HALF_WIDTH - np.abs(p[:, :2])
    floor_shade = _corner_dimming(to_walls[:, 0]) * _corner_dimming(to_walls[:, 1])
    normals = np.zeros((4, 3))
    normals[[0, 1], 0] = -1, 1  # seen when looking along +x, -x
    normals[[2, 3], 1] = -1, 1
    looking_down_axis = d[np.arange(len(d)), side] < 0
    wall_light = irradiance(normals, dome)[2 * side + looking_down_axis]
    along = to_walls[np.arange(len(d)), 1 - side]
    wall_shade = wall_light * _corner_dimming(p[:, 2]) * _corner_dimming(along)
    shade = np.select([surface == FLOOR, surface == WALL], [floor_shade, wall_shade], 1)
    return surface, shade, p[:, :2]


def _highlight(normals, d):
    """Share of the sky's colour that a satin surface mirrors of the sun."""
    half_way = _unit(_unit(SUN_DIRECTION) - d)
    return 0.3 * np.maximum((normals * half_way).sum(-1), 0) ** 24


def render_weights(azimuths=ORIENTATIONS, scales=SCALES, shapes=SHAPES):
    """Renders the weight maps.

    Args:
      azimuths: Azimuths of the camera in degrees.
      scales: Scales of the object.
      shapes: Names out of `SHAPES`.

    Returns:
      uint8 array [scales, shapes, azimuths, 4, 64 * 64]; a pixel's four weights
      (floor, wall, object, sky; see the module's docstring) add up to at most
      255, which stands for 1.
    """
    dome = light_dome()
    shadows = {shape: floor_light(shape, dome) for shape in shapes}
    num_pixels = IMAGE_SIZE * IMAGE_SIZE
    out = np.zeros(
        (len(scales), len(shapes), len(azimuths), 4, num_pixels), dtype=np.uint8
    )
    for k, azimuth in enumerate(azimuths):
        position, d = camera_rays(azimuth)
        surface, room_shade, floor_points = room(position, d, dome)
        on_floor = surface == FLOOR
        for i, scale in enumerate(scales):
            for j, shape in enumerate(shapes):
                t, normals = intersect(shape, position / scale, d)
                hit = np.isfinite(t) & (t > 0)
                shade = room_shade.copy()
                shade[on_floor] *= _interpolate(
                    shadows[shape], floor_points[on_floor] / scale
                )
                weights = np.zeros((4, len(d)))
                weights[surface, np.arange(len(d))] = shade
                mirrored = _highlight(normals[hit], d[hit])
                weights[:, hit] = 0
                light = irradiance(normals[hit], dome)
                weights[OBJECT, hit] = (1 - mirrored) * light
                weights[SKY, hit] = mirrored
                pixels = weights.reshape(4, num_pixels, -1).mean(-1)
                # Rounding down keeps the sum of a pixel's weights below 256.
                out[i, j, k] = np.floor(pixels * 255 + 1e-6)
    return out


def checksum(weights):
    """SHA-256 of weight maps, as hexadecimal digits."""
    return hashlib.sha256(np.ascontiguousarray(weights).tobytes()).hexdigest()


def main():
    """Renders all maps and writes them where the package looks for them."""
    weights = render_weights()
    with whole_file(MAPS_PATH) as partial:
        np.savez_compressed(partial, weights=weights)
    print(f"wrote {MAPS_PATH}, SHA-256 of the weights {checksum(weights)}")


if __name__ == "__main__":
    main()
