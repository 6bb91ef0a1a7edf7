-- `opened(saved)`: the block that a subject's state begins with, if any (its time, its end, its reason), and the length
-- of what it takes there. A block is an entry with id 0, followed by as many bytes of text as the entry says.
local function opened(saved)
  if not saved or #saved < 40 then
    return nil, nil, nil, 0
  end
  local id, ends, length, time = struct.unpack('<dddd', saved)
  if id ~= 0 or not (length >= 0 and length <= #saved - 40 and ends >= 0 and ends < 2 ^ 53 and time >= 0) then
    return nil, nil, nil, 0
  end
  return time, ends, string.sub(saved, 41, 40 + length), 40 + length
end
