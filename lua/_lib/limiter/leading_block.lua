-- `leading_block(saved)`: the block at the start of a subject's state, if any (time, end and reason), its length in bytes, and the
-- id under which a block without an end is listed, else 0. A block is an entry with id 0, followed by the reason, whose length is in
-- the entry.
local function leading_block(saved)
  if not saved or #saved < 40 then
    return nil, nil, nil, 0, 0
  end
  local id, ends, length, time, listing = struct.unpack('<ddddd', saved)
  if id ~= 0 or not (length >= 0 and length <= #saved - 40 and ends >= 0 and ends < 2 ^ 53 and time >= 0) then
    return nil, nil, nil, 0, 0
  end
  return time, ends, string.sub(saved, 41, 40 + length), 40 + length, listing
end
