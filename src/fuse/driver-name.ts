export type DriverName = 'direct' | 'fuse-native';
